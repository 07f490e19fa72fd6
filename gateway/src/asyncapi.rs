//! Describes the change feed for those who consume it, as an AsyncAPI 3.0 document. Like the schemas, it is generated
//! from the types.

use config::FeedSettings;
use contract::{FEED_CONTENT_TYPE, FEED_KEY, feed_schema};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

/// The document.
pub(crate) fn document() -> Value {
    // The schemas of AsyncAPI are a superset of draft 07.
    let at = |settings: &mut SchemaSettings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    };
    let mut generator = SchemaSettings::draft07().with(at).into_generator();
    let payload = feed_schema(&mut generator);
    let schemas = generator.take_definitions(true);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tonghui change feed",
            "version": "1",
            "description":
                "An event for each version of a demand that was stored, in the order in which they were stored, at least \
                 once: an event with the id of an earlier one is that event again. People are masks and tokens.",
        },
        "defaultContentType": FEED_CONTENT_TYPE,
        "channels": {
            "live": channel("What happens now.", FEED_KEY),
            "backfill": channel(
                "What was read again, and what was stored before the feed began.",
                &format!("backfill.{FEED_KEY}"),
            ),
            "replay": channel("What was mapped again.", &format!("replay.{FEED_KEY}")),
        },
        "operations": {
            "tell": operation("live"),
            "tellBackfill": operation("backfill"),
            "tellReplay": operation("replay"),
        },
        "components": {
            "messages": {
                "changed": {
                    "name": "tonghui.demand.changed.v1",
                    "title": "A version of a demand was stored",
                    "contentType": FEED_CONTENT_TYPE,
                    "payload": payload,
                    "bindings": { "amqp": { "contentEncoding": "UTF-8", "bindingVersion": "0.3.0" } },
                },
            },
            "schemas": schemas,
        },
    })
}

/// A channel whose routing keys have these parts; `-` stands for a missing part.
fn channel(description: &str, key: &str) -> Value {
    let parameter = |part: &str| (part.to_owned(), json!({ "description": part_of_key(part) }));
    let names: Vec<_> = FEED_KEY.split('.').collect();
    let address = key
        .split('.')
        .map(|part| if names.contains(&part) { format!("{{{part}}}") } else { part.to_owned() });
    let exchange = FeedSettings::default().exchange;
    json!({
        "address": address.collect::<Vec<_>>().join("."),
        "description": description,
        "messages": { "changed": { "$ref": "#/components/messages/changed" } },
        "parameters": names.iter().map(|part| parameter(part)).collect::<serde_json::Map<_, _>>(),
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": { "name": exchange, "type": "topic", "durable": true },
                "bindingVersion": "0.3.0",
            },
        },
    })
}

fn part_of_key(part: &str) -> String {
    match part {
        "channel" => "The channel of the demand.".to_owned(),
        part => format!("The code of the {part}, or `-` if the demand has none."),
    }
}

/// What the gateway does with a channel.
fn operation(channel: &str) -> Value {
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": [{ "$ref": format!("#/channels/{channel}/messages/changed") }],
        "bindings": { "amqp": { "deliveryMode": 2, "mandatory": false, "bindingVersion": "0.3.0" } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All references in a document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let (document, mut found) = (document(), Vec::new());
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        let is_lost = |at: &&String| document.pointer(at.trim_start_matches('#')).is_none();
        assert_eq!(found.iter().filter(is_lost).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn the_document_promises_no_sealed_value() {
        let text = document().to_string();
        assert!(text.contains("\"token\"") && text.contains("\"mask\""));
        assert!(!text.contains("\"sealed\"") && !text.contains("\"unmasked\""));
        let live = &document()["channels"]["live"]["address"];
        assert_eq!(live, "{channel}.{region}.{kind}.{status}");
    }
}
