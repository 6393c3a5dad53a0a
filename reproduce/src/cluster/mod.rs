//! Several processes that train one network together, on one machine or on many: `mpirun` starts them, with the feature `mpi`.
//!
//! All of them do the same, but each trains and evaluates on its part of the samples. The first one alone writes results; what the others
//! write goes into folders that are removed.

use anyhow::{Context, Result, bail};
use hccr_nn_train::World;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

static CLUSTER: OnceLock<Cluster> = OnceLock::new();

#[derive(Debug)]
struct Cluster {
    world: Arc<dyn World>,
    /// Of a process that is not the first one.
    folder: Option<TempDir>,
}

/// Variables of the environment in which Open MPI, MPICH and Slurm tell a program the number of processes.
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// Joins the other processes, where there are any; what it returns must live as long as they are needed.
pub(crate) fn join() -> Result<Option<Guard>> {
    let size = SIZES.iter().find_map(|name| std::env::var(name).ok()?.parse::<usize>().ok()).unwrap_or(1);
    if size < 2 {
        return Ok(None);
    }
    let (guard, world) = mpi::start().context("the processes cannot reach each other")?;
    let folder = (world.rank() > 0).then(TempDir::new).transpose().context("cannot make a temporary folder")?;
    if world.rank() == 0 {
        eprintln!("training in {} processes, {} threads each", world.size(), rayon::current_num_threads());
    }
    CLUSTER.set(Cluster { world, folder }).expect("processes join once");
    Ok(Some(guard))
}

/// The processes, where there are several.
pub(crate) fn world() -> Option<Arc<dyn World>> {
    CLUSTER.get().map(|cluster| cluster.world.clone())
}

/// Refuses a command that several processes cannot do together.
pub(crate) fn refuse() -> Result<()> {
    if CLUSTER.get().is_some() {
        bail!("several processes can only run `offline`, `online` or both: start this command without mpirun");
    }
    Ok(())
}

/// Whether this process writes the results.
pub(crate) fn is_first() -> bool {
    folder().is_none()
}

/// The folder of a process that is not the first one.
pub(crate) fn folder() -> Option<&'static Path> {
    CLUSTER.get().and_then(|cluster| cluster.folder.as_ref()).map(TempDir::path)
}

/// Whether it is so in any process.
pub(crate) fn any(here: bool) -> bool {
    world().map_or(here, |world| world.gather(&[f64::from(here)]).iter().any(|&there| there > 0.0))
}

/// Whether it is so in the first process.
pub(crate) fn first(here: bool) -> bool {
    world().map_or(here, |world| world.broadcast(&[u8::from(here)]) == [1])
}

/// Gives all processes a file of the first one.
pub(crate) fn copy(path: &PathBuf) -> Result<()> {
    let Some(world) = world() else { return Ok(()) };
    let bytes = if is_first() {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
    } else {
        Vec::new()
    };
    let bytes = world.broadcast(&bytes);
    if !is_first() {
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Ends all processes, since this one has failed and the others would wait for it.
pub(crate) fn abort() {
    if CLUSTER.get().is_some() {
        mpi::abort();
    }
}

pub(crate) use mpi::Guard;

#[cfg(feature = "mpi")]
mod mpi;

#[cfg(not(feature = "mpi"))]
mod mpi {
    use anyhow::{Result, bail};
    use hccr_nn_train::World;
    use std::sync::Arc;

    #[derive(Debug)]
    pub(crate) enum Guard {}

    pub(super) fn start() -> Result<(Guard, Arc<dyn World>)> {
        bail!("this program was built without the feature `mpi`; `cargo xtask cluster` builds it with it")
    }

    pub(super) fn abort() {}
}
