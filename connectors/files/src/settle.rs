//! Files that are in our custody leave the folder, so that nobody takes them twice.
//!
//! Only a file that still lies there as it was read is moved: one that took its name since is new.
//! A file that is gone was moved before, or by somebody else.

use contract::Fault;

use crate::{
    cursor::{Debt, Mark},
    place::{Moved, Place, Stamp},
    plan::Plan,
};

/// Names that are tried where one is taken.
const TRIES: u32 = 100;

/// Moves what a batch owes. Twice is harmless.
pub(crate) async fn settle(place: &mut Place, plan: &Plan, debt: &Debt) -> Result<(), Fault> {
    let Some(folder) = (if debt.is_error { &plan.error } else { &plan.archive }) else {
        return Ok(());
    };
    let data = place.stamp(&debt.name).await?.map(Stamp::mark);
    if data.as_ref().is_some_and(|there| *there != debt.data) {
        return Ok(());
    }
    let manifest = plan.manifest.as_ref().zip(debt.manifest.as_ref());
    let manifest = manifest.map(|(end, mark)| (format!("{}{end}", debt.name), mark));
    for (name, mark) in [(debt.name.clone(), &debt.data)].into_iter().chain(manifest) {
        if place.stamp(&name).await?.map(Stamp::mark).as_ref() != Some(mark) {
            continue;
        }
        let mut moved = Moved::Taken;
        for n in 0..TRIES {
            if moved == Moved::Yes {
                break;
            }
            moved = place.rename(&name, &folder.join(free_name(&name, &debt.md5, n))).await?;
        }
        if moved == Moved::Taken {
            return Err(Fault::stopped(format!("{name}: there are too many of this name"))
                .remedy("clear the folders `archive` and `error`"));
        }
    }
    Ok(())
}

/// A name that was used before is told apart by its content.
fn free_name(name: &str, md5: &Mark, n: u32) -> String {
    match n {
        0 => name.to_owned(),
        1 => format!("{name}.{}", md5.as_str()),
        n => format!("{name}.{}.{n}", md5.as_str()),
    }
}
