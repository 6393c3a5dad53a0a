//! `include/hccr.h` is what cbindgen makes of the sources.

use std::path::Path;

#[test]
fn the_header_declares_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let builder = cbindgen::Builder::new().with_config(config);
    let sources = ["border", "arguments", "recognizer", "ink_session", "line_session"];
    let builder = sources.iter().fold(builder, |builder, name| builder.with_src(root.join(format!("src/{name}.rs"))));
    let mut made = Vec::new();
    builder.generate().unwrap().write(&mut made);
    let path = root.join("include/hccr.h");
    if std::fs::read(&path).unwrap_or_default() != made {
        let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hccr.h");
        std::fs::write(&new, made).unwrap();
        panic!(
            "include/hccr.h is not what the code declares; to mend it:\n\n    cp {} {}",
            new.display(),
            path.display()
        );
    }
}
