//! Check the strength of a password that is not set yet. Nothing is kept; old passwords are not compared.

use denizen_kit::cx::Cx;

use super::policy;
use crate::App;
use crate::error::Result;
use crate::model::{Fault, Password, Rating};

pub(crate) async fn check_strength(
    app: &App,
    cx: &Cx,
    text: &str,
    context: Vec<String>,
) -> Result<(Rating, Vec<Fault>)> {
    match Password::read(text) {
        Ok(password) => policy::check(app, cx, &app.pool.enter()?, &password, context).await,
        Err(fault) => {
            let rating = Rating { score: 0, warning: fault.detail(), suggestions: Vec::new() };
            Ok((rating, vec![fault]))
        }
    }
}
