//! The contract of notify: decode, op, encode.

mod notifications;
mod records;

use std::sync::Arc;

use denizen_rpc::notify::internal::v1 as p;
use denizen_rpc::notify::internal::v1::mailbox_server::Mailbox;
use denizen_rpc::{Reply, decode, serve};
use tonic::Request;

use crate::App;
use crate::model::Letter;
use crate::ops::list_messages::{Wanted, list_messages};
use crate::store::Caught;

pub(crate) use notifications::{DeadLettersService, NotificationsService};
pub(crate) use records::RecordsService;

/// The development mailbox, as a service.
pub(crate) struct MailboxService(pub(crate) Arc<App>);

#[tonic::async_trait]
impl Mailbox for MailboxService {
    async fn list_messages(
        &self,
        request: Request<p::ListMessagesRequest>,
    ) -> Reply<p::ListMessagesResponse> {
        let app = &self.0;
        serve(&app.clock, request, async |cx, request| {
            let wanted = Wanted { limit: decode::limit(request.limit)?, to: request.to };
            let messages = list_messages(app, &cx, &wanted).await?;
            Ok(p::ListMessagesResponse { items: messages.into_iter().map(encode).collect() })
        })
        .await
    }
}

fn encode((caught, letter): (Caught, Letter)) -> p::Message {
    p::Message {
        id: caught.id.to_string(),
        channel: caught.channel.as_str().to_owned(),
        to: letter.to,
        subject: letter.subject,
        text: letter.text,
        html: letter.html,
        created_at: Some(decode::to_wire(caught.created_at)),
    }
}
