//! The fonts that `cargo xtask data fonts` takes.

/// A font of a package of the npm registry.
pub(super) struct Source {
    pub(super) name: &'static str,
    /// The package and its version.
    pub(super) package: &'static str,
    /// What the registry says of the package's bytes.
    pub(super) integrity: &'static str,
    /// The package's file with the SIL Open Font License.
    pub(super) license: &'static str,
    /// How the names of the font's files in the package begin and end.
    pub(super) files: [&'static str; 2],
    /// Glyphs less like the character's skeleton in `datasets/strokes` are left out: broken ones, and some that another country
    /// writes otherwise. Cursive fonts need a low limit.
    pub(super) likeness: f32,
}

/// Fonts with Chinese characters first, in alphabetical order, then those with Latin letters alone.
pub(super) const SOURCES: &[Source] = &[
    Source {
        name: "hachi-maru-pop",
        package: "@fontsource/hachi-maru-pop@5.3.0",
        integrity: "sha512-P46hjUscQPRUr2QpSNxzll6yRSOlbOY4nCo3dGRNd9U0CJ9PRreLm5FOtoPAWJv0dJ9m+5zYf4cbbpTJu3pbXg==",
        license: "LICENSE",
        files: ["hachi-maru-pop", "-400-normal.woff2"],
        likeness: 0.20,
    },
    Source {
        name: "iansui",
        package: "@fontsource/iansui@5.3.0",
        integrity: "sha512-id4d5BwvRaJJn4tkLhyvbDWTDZ8Z1phjP3c1XFTkAV/uE+m+bAz28wsQWDADWACNNdLifMeohZ/Vepg7N5K5iA==",
        license: "LICENSE",
        files: ["iansui", "-400-normal.woff2"],
        likeness: 0.42,
    },
    Source {
        name: "klee-one",
        package: "@fontsource/klee-one@5.3.0",
        integrity: "sha512-1mnMRQO70AnTCHaWy5ovYKjbvszpOp7//bMDZ+PnjBMmar5YRcbskVzM4u+Syd8CMWw353R3BvsrsKQrwVRnEw==",
        license: "LICENSE",
        files: ["klee-one", "-400-normal.woff2"],
        likeness: 0.45,
    },
    Source {
        name: "liu-jian-mao-cao",
        package: "@fontsource/liu-jian-mao-cao@5.3.0",
        integrity: "sha512-OaFm4okm77XoGA9jp1J89tDjdWlzb68yJCUL7LV75QxUWF/qOBRVqmhP7XFFsgcn/PL+nc2dPvRGT/8yit5LZg==",
        license: "LICENSE",
        files: ["liu-jian-mao-cao", "-400-normal.woff2"],
        likeness: 0.15,
    },
    Source {
        name: "long-cang",
        package: "@fontsource/long-cang@5.3.0",
        integrity: "sha512-lCcBJb+LWZpYCVtGvQRiZPy5/EaGPuYLycpJXUIOz28EYGGqhTVWBRqY6ucaW8l1F8gvfjutY1PoAPUrFiP0wg==",
        license: "LICENSE",
        files: ["long-cang", "-400-normal.woff2"],
        likeness: 0.25,
    },
    Source {
        name: "lxgw-wenkai",
        package: "lxgw-wenkai-webfont@1.7.0",
        integrity: "sha512-kVJmT4xMAyOLhG6q0w63wJkVU7RP8UMQRGoAWj9tnpzL7sWFFYiEHBdUQyW9myqBQFa5SQfWfa2VLYF4IJBL5g==",
        license: "OFL.txt",
        files: ["lxgwwenkai-light", ".woff2"],
        likeness: 0.45,
    },
    Source {
        name: "ma-shan-zheng",
        package: "@fontsource/ma-shan-zheng@5.3.1",
        integrity: "sha512-cGGn7Yje2RSduXVxEk+rCfNZyD/T/7FMGj03LNPiK8TRL9Sing0tq1zJF3n+W29szPqgb2RNs5oIvmm+ikeI+Q==",
        license: "LICENSE",
        files: ["ma-shan-zheng", "-400-normal.woff2"],
        likeness: 0.35,
    },
    Source {
        name: "yomogi",
        package: "@fontsource/yomogi@5.3.0",
        integrity: "sha512-D35BWMd0BVhtYfpE7r1UfTNZHxaFVvLw4Rz2ym+yvEE7vlIfwtZEQFp4VFCvlcH+BwoAJD1mFH/r/XV7qDxeyg==",
        license: "LICENSE",
        files: ["yomogi", "-400-normal.woff2"],
        likeness: 0.25,
    },
    Source {
        name: "yuji-boku",
        package: "@fontsource/yuji-boku@5.3.0",
        integrity: "sha512-DdM6GebHQ79LTZSv1wyjrNl0pgsf40X7dgiCydWXOMtY5PrZX/ZksWjbQVxVqjU0Xofw0cEJJf5Vd2VXiElWEw==",
        license: "LICENSE",
        files: ["yuji-boku", "-400-normal.woff2"],
        likeness: 0.35,
    },
    Source {
        name: "yusei-magic",
        package: "@fontsource/yusei-magic@5.3.0",
        integrity: "sha512-1gSpUCpFQUmCUfh7YkKTjBC89wXnijwKZO3cfIMBx/Rlb7WjfHfIjK8PilB2/tOeq68ezAd8ODWNrg/zere2JA==",
        license: "LICENSE",
        files: ["yusei-magic", "-400-normal.woff2"],
        likeness: 0.20,
    },
    Source {
        name: "zen-kurenaido",
        package: "@fontsource/zen-kurenaido@5.3.0",
        integrity: "sha512-Oh7XLWpdTV7/f6xgdw3pmDPpu8OHEdXu9QEL2TEjoBeg85z1qWMb4lvQYDtNQx6gaERvKQ0OrgvpS3S/ka/+bA==",
        license: "LICENSE",
        files: ["zen-kurenaido", "-400-normal.woff2"],
        likeness: 0.45,
    },
    Source {
        name: "zhi-mang-xing",
        package: "@fontsource/zhi-mang-xing@5.3.0",
        integrity: "sha512-V21yCCm5o2PHdXF2P9KKh7uiqL8QFFuII4DRQkpG24tfyDzJPchXKsxkcvKM43xEPvQKdbhHCBbXEFjcm/TUCQ==",
        license: "LICENSE",
        files: ["zhi-mang-xing", "-400-normal.woff2"],
        likeness: 0.20,
    },
    Source {
        name: "architects-daughter",
        package: "@fontsource/architects-daughter@5.3.0",
        integrity: "sha512-uezOgAlbhmf9nDW69VYq31lXNA+0uRFWXBGCSFWLXVcrNESFHpNjvu11kJss1PMsfH/YKz1hnnYB+JSNI/t+ew==",
        license: "LICENSE",
        files: ["architects-daughter", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "caveat",
        package: "@fontsource/caveat@5.3.0",
        integrity: "sha512-eHTfzQxFSW9ABERRLNruHoNJmKed2J7pqTUc5lp4a4POMgXGKpxmWj3d9Hz10kmAg6iuTTLe6UagbA4bnsmfQw==",
        license: "LICENSE",
        files: ["caveat", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "indie-flower",
        package: "@fontsource/indie-flower@5.3.0",
        integrity: "sha512-Wo5eN/ruEQcyC3+ArzhlpqWQgph3VuCNbJlEkVw17LUd0uyTHOb9bTec4g9njQzjiL/ijACF27sSwy90L6kZBg==",
        license: "LICENSE",
        files: ["indie-flower", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "kalam",
        package: "@fontsource/kalam@5.3.0",
        integrity: "sha512-FDkVoDfPDCSN/eO81FOYtUI67eMgpVBJmjBtAqSL0PmEhJyeFY2biC+CR+yEttksgXR9+swpFdYmQTyjwBq80Q==",
        license: "LICENSE",
        files: ["kalam", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "patrick-hand",
        package: "@fontsource/patrick-hand@5.3.0",
        integrity: "sha512-V8C38IlIFfdWg0Xtri3F7sLCVpm069rUwn6w4n+oyn38gt7H4arOJmuReg3tAw1Q6jHqZp89wTnAAJagq4Atxw==",
        license: "LICENSE",
        files: ["patrick-hand", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "reenie-beanie",
        package: "@fontsource/reenie-beanie@5.3.0",
        integrity: "sha512-PgEiqKdPCLlvdY2IMWMBdYyMdr1mo1zxVBRNFlo3gclnCz560iiyTTt0dU4/VIGnjhyAb3gSWIQL0qXnn5oaYw==",
        license: "LICENSE",
        files: ["reenie-beanie", "-400-normal.woff2"],
        likeness: 0.00,
    },
    Source {
        name: "shadows-into-light",
        package: "@fontsource/shadows-into-light@5.3.0",
        integrity: "sha512-3dvv0i8/ZwLMY08AAlTLivHUdNQYB6Fxe92d7BZiGbHY2GQnCxEd8JC9CBzxTiP4iyWNa6OZn9LXF+xjc9LaGw==",
        license: "LICENSE",
        files: ["shadows-into-light", "-400-normal.woff2"],
        likeness: 0.00,
    },
];
