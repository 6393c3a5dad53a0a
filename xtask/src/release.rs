//! `cargo xtask release --dry-run`: whether what is to be published is ready. Publishing itself is done by hand.

use crate::optional::{DEPENDENCIES, OLDEST_COMPILER, SEMVER};
use crate::prepare::prepare;
use crate::reproduce::target;
use crate::steps::{Steps, output, succeed};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Packs what is to be published, and builds it as its users will get it.
pub(crate) const PACKAGE: &str = "package -p hccr-runtime -p hccr --allow-dirty";

/// A crate that is to be published.
struct Published {
    name: &'static str,
    /// Files that the package must have, beside [`ALWAYS`].
    files: &'static [&'static str],
    /// Folders that it may have, and endings of further files.
    others: &'static [&'static str],
    /// The most bytes of the package.
    limit: u64,
}

/// In the order in which they are published.
const PUBLISHED: [Published; 2] = [
    Published { name: "hccr-runtime", files: &[], others: &["src/", "tests/", "examples/"], limit: 512 << 10 },
    Published {
        name: "hccr",
        files: &["offline-3755.hccr", "online-3755.hccr", "offline-wide.hccr", "online-wide.hccr"],
        others: &["src/", ".hccr", ".md"],
        limit: 4 << 20,
    },
];

/// Files that every package must have.
const ALWAYS: [&str; 4] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"];

/// Files that cargo adds.
const CARGOS: [&str; 4] = ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];

/// Checks everything, whatever fails, prints a table, and says how to publish.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut steps = Steps::going_on(root, prepare()?);
    let metadata = output(&mut cargo(root, "metadata --no-deps --format-version 1"))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let version = env!("CARGO_PKG_VERSION"); // the workspace's
    let tag = format!("v{version}");

    steps.run("working tree", "git status", || {
        let changed = output(Command::new("git").args(["status", "--porcelain"]).current_dir(root))?;
        ensure!(changed.is_empty(), "commit first, or put away:\n{changed}");
        Ok(())
    })?;
    steps.run("version", "grep -rn version --include Cargo.toml", || {
        versions(root, &metadata, version)?;
        let tags = output(Command::new("git").args(["tag", "--list", &tag]).current_dir(root))?;
        ensure!(tags.is_empty(), "{tag} is released: raise the version in Cargo.toml");
        Ok(())
    })?;
    steps.run("changelog", "head CHANGELOG.md", || {
        let changelog = fs::read_to_string(root.join("CHANGELOG.md"))?;
        let wanted = "give what stands under [Unreleased] the heading";
        ensure!(has_section(&changelog, version), "{wanted} `## [{version}] - YYYY-MM-DD`");
        Ok(())
    })?;
    steps.run("published dependencies", "cargo metadata --no-deps", || dependencies(&metadata, version))?;
    steps.cargo("published packages", &[], PACKAGE)?;
    for published in &PUBLISHED {
        let name = published.name;
        steps.run(name, &format!("cargo package --list -p {name}"), || contents(root, published, version))?;
    }
    steps.run("doc tests of the packages", "cargo test --doc, in target/package-tests", || doc_tests(root, version))?;
    steps.cargo("docs", &[("RUSTDOCFLAGS", "-D warnings")], "doc -p hccr-runtime -p hccr --no-deps")?;
    if output(Command::new("git").args(["tag", "--list", "v*"]).current_dir(root))?.is_empty() {
        steps.skip(SEMVER.name, "no release is tagged yet, so there is no interface to keep".into());
    } else {
        steps.optional(&SEMVER)?;
    }
    DEPENDENCIES.iter().try_for_each(|step| steps.optional(step))?;
    steps.optional(&OLDEST_COMPILER)?;
    steps.summary()?;
    println!("To publish: git tag {tag}, then cargo publish -p hccr-runtime, then cargo publish -p hccr");
    Ok(())
}

/// `cargo` in the workspace with `arguments`, separated by blanks.
fn cargo(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments.split(' ')).current_dir(folder);
    command
}

/// The packages of the workspace that are not marked `publish = false`.
fn to_publish(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|package| package["publish"].as_array().is_none_or(|registries| !registries.is_empty()))
}

/// Exactly [`PUBLISHED`] are to be published, and they and the npm package have the same version.
fn versions(root: &Path, metadata: &Value, version: &str) -> Result<()> {
    for package in to_publish(metadata) {
        let name = package["name"].as_str().unwrap_or_default();
        ensure!(PUBLISHED.iter().any(|p| p.name == name), "{name} lacks `publish = false`");
        ensure!(package["version"] == version, "{name} has version {}, not {version}", package["version"]);
    }
    let web = root.join("bindings/web");
    let npm: Value = serde_json::from_str(&fs::read_to_string(web.join("package.json"))?)?;
    ensure!(npm["version"] == version, "bindings/web/package.json has version {}, not {version}", npm["version"]);
    let manifest = fs::read_to_string(web.join("Cargo.toml"))?;
    ensure!(manifest.contains(&format!("\nversion = \"{version}\"")), "bindings/web/Cargo.toml is not of {version}");
    Ok(())
}

/// Has the changelog a section of this version, with its date and some text?
fn has_section(changelog: &str, version: &str) -> bool {
    let heading = format!("## [{version}] - ");
    let Some((_, section)) = changelog.split_once(&heading) else { return false };
    let section = section.split("\n## ").next().unwrap_or_default();
    let (date, text) = section.split_once('\n').unwrap_or((section, ""));
    let form = date.trim().bytes().map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    form.eq(*b"0000-00-00") && !text.trim().is_empty()
}

/// Nothing is published that depends on what is not.
fn dependencies(metadata: &Value, version: &str) -> Result<()> {
    for package in to_publish(metadata) {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        for dependency in dependencies.filter(|dependency| dependency["kind"] != "dev") {
            let (name, wanted) = (&dependency["name"], &dependency["req"]);
            let user = &package["name"];
            if dependency["path"].is_string() {
                ensure!(PUBLISHED.iter().any(|p| *name == p.name), "{user} needs {name}, which is not published");
                let right = format!("^{version}");
                ensure!(*wanted == right, "{user} needs {name} in version {wanted}, not \"{right}\"");
            } else {
                let source = dependency["source"].as_str().unwrap_or_default();
                ensure!(source.starts_with("registry+"), "{user} needs {name} from {source}, not from a registry");
            }
        }
    }
    Ok(())
}

/// The package has all files that it must have and no others, and is small.
fn contents(root: &Path, published: &Published, version: &str) -> Result<()> {
    let name = published.name;
    let list = output(&mut cargo(root, &format!("package --list --allow-dirty -p {name}")))?;
    let files: Vec<&str> = list.lines().collect();
    published.check(&files)?;
    let package = target(root).join(format!("package/{name}-{version}.crate"));
    let bytes = fs::metadata(&package).with_context(|| format!("no {}", package.display()))?.len();
    println!("{} files, {bytes} bytes; the limit is {}", files.len(), published.limit);
    ensure!(bytes <= published.limit, "{bytes} bytes: more than {}, the limit in {}", published.limit, file!());
    Ok(())
}

impl Published {
    /// Checks the names of the package's files.
    fn check(&self, files: &[&str]) -> Result<()> {
        let named = || ALWAYS.iter().chain(self.files);
        let lacks: Vec<_> = named().filter(|file| !files.contains(file)).collect();
        ensure!(lacks.is_empty(), "the package lacks {lacks:?}");
        let fits = |file: &str, other: &str| {
            if other.ends_with('/') { file.starts_with(other) } else { file.ends_with(other) && !file.contains('/') }
        };
        let expected = |file: &&&str| {
            named().chain(&CARGOS).any(|name| name == *file) || self.others.iter().any(|other| fits(file, other))
        };
        let stray: Vec<_> = files.iter().filter(|file| !expected(file)).collect();
        ensure!(stray.is_empty(), "the package has {stray:?}, which nobody expects: see `include` in its Cargo.toml");
        Ok(())
    }
}

/// Runs the doc tests of the packed files, with `hccr` on the packed runtime.
fn doc_tests(root: &Path, version: &str) -> Result<()> {
    let folder = target(root).join("package-tests");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let folders = PUBLISHED.map(|published| format!("{}-{version}", published.name));
    for name in &folders {
        let package = target(root).join(format!("package/{name}.crate"));
        succeed(Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(&folder))?;
    }
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = {folders:?}\n[patch.crates-io]\nhccr-runtime = {{ path = {:?} }}\n",
        folders[0]
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    succeed(&mut cargo(&folder, "test --quiet --workspace --doc"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sections() {
        let changelog =
            |heading: &str| format!("# Changelog\n\n{heading}\n\n### Added\n- all\n\n## [0.0.1] - 2020-01-01\n");
        assert!(has_section(&changelog("## [0.1.0] - 2026-11-27"), "0.1.0"));
        for wrong in ["## [Unreleased]", "## [0.1.0]", "## [0.1.0] - soon", "## [0.1.1] - 2026-11-27"] {
            assert!(!has_section(&changelog(wrong), "0.1.0"), "{wrong}");
        }
        assert!(!has_section(&changelog(""), "0.0.1"), "no text");
    }

    #[test]
    fn files() {
        let complete = ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs", "Cargo.toml", "tests/a/b.rs"];
        let checked = |files: &[&str]| PUBLISHED[0].check(files).map_err(|error| error.to_string());
        assert_eq!(checked(&complete), Ok(()));
        assert!(checked(&complete[1..]).unwrap_err().contains("lacks [\"README.md\"]"));
        assert!(checked(&[&complete[..], &["core"]].concat()).unwrap_err().contains("has [\"core\"]"));
    }

    #[test]
    fn unpublished_dependencies() {
        let check = |dependency: Value| {
            let package = json!({"name": "hccr", "publish": null, "dependencies": [dependency]});
            let private = json!({"name": "private", "publish": [], "dependencies": [{"name": "x", "path": "/x"}]});
            dependencies(&json!({"packages": [package, private]}), "0.1.0").is_ok()
        };
        assert!(check(json!({"name": "hccr-runtime", "path": "/r", "req": "^0.1.0"})));
        assert!(check(json!({"name": "hccr-data", "path": "/d", "req": "*", "kind": "dev"})));
        assert!(check(json!({"name": "serde", "source": "registry+https://x", "req": "^1"})));
        assert!(!check(json!({"name": "hccr-runtime", "path": "/r", "req": "*"})));
        assert!(!check(json!({"name": "hccr-data", "path": "/d", "req": "^0.1.0"})));
        assert!(!check(json!({"name": "serde", "source": "git+https://x", "req": "*"})));
    }
}
