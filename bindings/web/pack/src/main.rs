//! Makes the npm package and the page: builds hccr-web with and without simd128, writes the glue of JavaScript, and puts all
//! files where they belong. `cargo xtask web` starts it.
#![forbid(unsafe_code)]

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm_bindgen_cli_support::Bindgen;

/// The builds of the crate, by the flags that differ.
const BUILDS: [(&str, &str); 2] = [("simd128", "-Ctarget-feature=+simd128"), ("plain", "-Ctarget-feature=-simd128")];

/// Flags that make 7 % less to download and cost no time: kernels are inlined and use vectors as they are written, and no other code
/// has to.
const SMALL: [&str; 3] = ["-Cllvm-args=--inline-threshold=5", "-Cno-vectorize-loops", "-Cno-vectorize-slp"];

/// What the package has besides the builds, below the root of the workspace.
const PACKAGE: [(&str, &str); 8] = [
    ("bindings/web/package.json", "package.json"),
    ("bindings/web/README.md", "README.md"),
    ("bindings/web/js/hccr.js", "hccr.js"),
    ("bindings/web/js/hccr.d.ts", "hccr.d.ts"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("models/offline-3755.hccr", "models/offline-3755.hccr"),
    ("models/online-3755.hccr", "models/online-3755.hccr"),
];

/// What the page takes from the package.
const PAGE: [&str; 6] = [
    "hccr.js",
    "glue.js",
    "hccr-simd128.wasm",
    "hccr-plain.wasm",
    "models/offline-3755.hccr",
    "models/online-3755.hccr",
];

fn main() -> Result<()> {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the packer lies in bindings/web")?;
    let root = web.ancestors().nth(2).context("bindings/web lies in the workspace")?;
    let out = root.join("target/web");
    for folder in ["package", "page"] {
        let folder = out.join(folder);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
    }

    let package = out.join("package");
    for (name, flag) in BUILDS {
        write_build(root, &out, name, flag)?;
    }
    for (from, to) in PACKAGE {
        copy(&root.join(from), &package.join(to))?;
    }

    let page = out.join("page");
    for file in files(&web.join("page"))? {
        copy(&web.join("page").join(&file), &page.join(file))?;
    }
    for file in PAGE {
        copy(&package.join(file), &page.join("hccr").join(file))?;
    }
    write_list(&page)?;
    println!("{} and {}", package.display(), page.display());
    Ok(())
}

/// Builds the crate, and writes `hccr-<name>.wasm` and the glue, which all builds share.
fn write_build(root: &Path, out: &Path, name: &str, flag: &str) -> Result<()> {
    let (target, package) = (out.join("build"), out.join("package"));
    // Messages of the code name its files, but not where they lie on this machine.
    let nameless = format!("--remap-path-prefix={}=hccr", root.display());
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args([
        "build",
        "--release",
        "--locked",
        "-p",
        "hccr-web",
        "--target",
        "wasm32-unknown-unknown",
        "--target-dir",
    ]);
    let status = cargo
        .arg(&target)
        .current_dir(root.join("bindings/web"))
        .env("CARGO_ENCODED_RUSTFLAGS", [&[flag, &nameless], &SMALL[..]].concat().join("\x1f"))
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "hccr-web does not build");

    let mut bindgen = Bindgen::new();
    bindgen.input_path(target.join("wasm32-unknown-unknown/release/hccr_web.wasm")).out_name("glue");
    bindgen.web(true)?.typescript(false).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    let bound = out.join("bound");
    bindgen.generate(&bound)?;
    copy(&bound.join("glue_bg.wasm"), &package.join(format!("hccr-{name}.wasm")))?;
    let (glue, of_another) = (bound.join("glue.js"), package.join("glue.js"));
    let same = !of_another.exists() || fs::read(&glue)? == fs::read(&of_another)?;
    ensure!(same, "the builds need different glue: {} and {}", glue.display(), of_another.display());
    copy(&glue, &of_another)
}

/// Writes what the service worker is to keep from the first visit on, and a version that changes with any byte of it.
fn write_list(page: &Path) -> Result<()> {
    let mut list = files(page)?;
    list.retain(|file| !file.ends_with("service-worker.js") && !file.ends_with("hccr-plain.wasm"));
    let mut version = DefaultHasher::new();
    for file in &list {
        version.write(file.as_os_str().as_encoded_bytes());
        version.write(&fs::read(page.join(file))?);
    }
    let list: Vec<String> = list.iter().map(|file| file.to_string_lossy().replace('\\', "/")).collect();
    let text = format!("const VERSION = \"{:016x}\";\nconst FILES = {list:?};\n", version.finish());
    Ok(fs::write(page.join("files.js"), text)?)
}

/// The files below `folder`, relative to it.
fn files(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(folder.join(&below)).with_context(|| format!("no {}", folder.display()))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
