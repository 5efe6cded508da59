//! The pages that links in messages lead to. To open one uses nothing up; its form does, over the API.

use std::sync::Arc;

use axum::routing::{MethodRouter, get};

use super::page::Page;
use crate::state::App;

/// The routes of the pages.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let style = include_str!("../../pages/style.css");
    let serve = |html: &str| {
        let page = Page::new(html.replace("/*STYLE*/", style));
        get(move || std::future::ready(page.answer()))
    };
    vec![
        ("/console/verify", serve(include_str!("../../pages/verify.html"))),
        ("/console/reset", serve(include_str!("../../pages/reset.html"))),
    ]
}
