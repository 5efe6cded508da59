//! The codes that were made for a person, never a code, for their archive. Only users may ask.

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_rpc::privacy::internal::v1::{CollectResponse, Section};

use crate::App;
use crate::error::Result;
use crate::store::records;

/// All of them on one page.
pub(crate) async fn collect_records(app: &App, cx: &Cx, user_id: UserId) -> Result<CollectResponse> {
    cx.require_service(&[Role::Users])?;
    let records = records::records(&mut app.db.single().await?, user_id).await?;
    let items =
        records.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(Problem::internal)?;
    let section = Section { name: "codes".to_owned(), items };
    Ok(CollectResponse { sections: vec![section], next_cursor: String::new() })
}
