//! What errors say.

/// Makes an enum an error, by the message of each case. One that holds another error has it as its source, and is made from it.
macro_rules! messages {
    ($error:ident: $($case:ident $({ $($field:ident),* })? $(($source:ident: $from:ty))? => $text:literal,)*) => {
        impl core::fmt::Display for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $(Self::$case $({ $($field),* })? $(($source))? => {
                        $(let _ = $source;)?
                        write!(f, $text)
                    })*
                }
            }
        }

        impl core::error::Error for $error {
            fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
                match self {
                    $($(Self::$case($source) => Some($source),)?)*
                    _ => None,
                }
            }
        }

        $($(impl From<$from> for $error {
            fn from(error: $from) -> Self {
                Self::$case(error)
            }
        })?)*
    };
}
pub(crate) use messages;
