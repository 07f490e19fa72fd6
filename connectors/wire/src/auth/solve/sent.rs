//! The sample as a channel would send it: where the signature, the time and the random text are in it.

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;
use contract::{Fault, Secret, Timestamp};

use super::{Sample, check};
use crate::auth::{
    Destination, Request, SignedPart, SigningContext, TimeUnit, TimestampField, signable::Signable,
};

/// Headers that no vendor signs by their names.
const NEVER_SIGNED: [&str; 8] = [
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "user-agent",
];
/// More are not searched: the time of the search would grow with their square.
const MAX_VALUES: usize = 200;
/// Names of the time of a request, in lower case and without `-` and `_`. A name may also end with the first.
const TIME_NAMES: [&str; 8] =
    ["timestamp", "time", "ts", "t", "curtime", "reqtime", "gjgxjhptrtime", "gjzwfwptrtime"];
/// How times are written that are no numbers of seconds or milliseconds, and in which zone if that is certain.
const TIME_FORMATS: [(&str, Option<Tz>); 6] = [
    ("%Y%m%d%H%M%S", None),
    ("%Y-%m-%d %H:%M:%S", None),
    ("%Y-%m-%dT%H:%M:%SZ", Some(Tz::UTC)),
    ("%Y-%m-%dT%H:%M:%S%.3fZ", Some(Tz::UTC)),
    ("%Y-%m-%dT%H:%M:%S", None),
    ("%Y%m%d%H%M%S%3f", None),
];

/// The sample without its signature, and where everything is.
pub(super) struct Sent {
    pub(super) request: Request,
    pub(super) signature: String,
    pub(super) secret: Secret,
    pub(super) variable: String,
    pub(super) text: Option<String>,
    /// Where the signature is.
    pub(super) put: Destination,
    /// The time, and how it is sent.
    pub(super) timestamp: Option<(String, TimestampField)>,
    /// The random text, and where it is.
    pub(super) nonce: Option<(String, Destination)>,
    /// The given keys: the parts that have these values.
    pub(super) keys: Vec<Field>,
    /// The parameters, fields and members, in the order of the request.
    pub(super) fields: Vec<Field>,
    /// The headers that may be signed.
    pub(super) headers: Vec<Field>,
    /// What the sample does not show.
    pub(super) notes: Vec<String>,
}

/// A value of the request with its name, and the part that signs it.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) part: SignedPart,
}

impl Sent {
    pub(super) fn new(sample: &Sample) -> Result<Self, Fault> {
        check::check(sample)?;
        let (mut request, mut notes) = (sample.request.clone(), Vec::new());
        add_content_type(&mut request);
        let assumed = |what: &str, name: &str, notes: &mut Vec<String>| {
            notes.push(format!(
                "the sample does not show where the {what} is sent: {name} is an assumption"
            ));
            Destination::Header(name.to_owned())
        };
        let put = take(&mut request, &sample.signature)
            .unwrap_or_else(|| assumed("signature", "X-Signature", &mut notes));
        let values = values(&request);
        if values.len() > MAX_VALUES {
            return Err(Fault::stopped(format!("the sample has more than {MAX_VALUES} values"))
                .remedy("give a shorter request, without the headers that are not signed"));
        }
        let find = |given: &Option<String>, is_name: fn(&str, &str) -> bool| {
            let is_it = |(place, value): &&(Destination, String)| match given {
                Some(given) => value == given,
                None => is_name(&plain(name_of(place)), value),
            };
            let found = values.iter().find(is_it).cloned();
            found.map(|(place, value)| (value, Some(place))).or(given.clone().map(|v| (v, None)))
        };
        let timestamp = find(&sample.timestamp, is_time)
            .map(|(time, place)| {
                let put = place.unwrap_or_else(|| assumed("time", "X-Timestamp", &mut notes));
                let field = time_field(&time, put)?;
                if field.format.is_some() && field.zone.is_none() {
                    notes.push(
                        "the time is written in the zone of the configuration, unless `timestamp` has a `zone`"
                            .to_owned(),
                    );
                }
                Ok::<_, Fault>((time, field))
            })
            .transpose()?;
        let nonce = find(&sample.nonce, |name, _| name.contains("nonce")).map(|(nonce, place)| {
            if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                notes.push(
                    "a channel sends 32 hexadecimal digits as the random text, the sample has another form: ask \
                     the vendor whether the source accepts them, or set `nonce_form`"
                        .to_owned(),
                );
            }
            (nonce, place.unwrap_or_else(|| assumed("random text", "X-Nonce", &mut notes)))
        });
        let mut sent = Self {
            signature: sample.signature.clone(),
            secret: sample.secret.clone(),
            variable: sample.variable.clone(),
            text: sample.text.clone(),
            put,
            timestamp,
            nonce,
            keys: Vec::new(),
            fields: Vec::new(),
            headers: Vec::new(),
            notes,
            request,
        };
        sent.sort_values(values, &sample.keys);
        Ok(sent)
    }

    /// The time of the request, or nothing.
    pub(super) fn timestamp(&self) -> &str {
        self.timestamp.as_ref().map_or("", |(time, _)| time)
    }

    /// The random text of the request, or nothing.
    pub(super) fn nonce(&self) -> &str {
        self.nonce.as_ref().map_or("", |(nonce, _)| nonce)
    }

    /// When the request was signed. One platform writes that as a date.
    pub(super) fn context(&self) -> SigningContext {
        let time = self.timestamp.as_ref().and_then(|(time, field)| {
            let number = time.parse().ok()?;
            match field.unit? {
                TimeUnit::S => DateTime::from_timestamp(number, 0),
                TimeUnit::Ms => DateTime::from_timestamp_millis(number),
            }
        });
        let date = || {
            let date = self.request.header("X-BG-DATE-TIME")?;
            httpdate::parse_http_date(date).ok().map(Timestamp::from)
        };
        let now = time.or_else(date).unwrap_or_default();
        SigningContext { now, nonce: [0; 16], zone: Tz::UTC }
    }

    /// All parameters in the text that a signature makes of them.
    pub(super) fn joined_params(&self) -> String {
        Signable::new(&self.request, "", "").joined_params().to_owned()
    }

    /// All members of a JSON body, in the same way.
    pub(super) fn joined_members(&self) -> String {
        Signable::new(&self.request, "", "").joined_members().to_owned()
    }

    fn sort_values(&mut self, values: Vec<(Destination, String)>, keys: &[String]) {
        for (place, value) in values {
            let name = name_of(&place).to_owned();
            let part = if self.timestamp.as_ref().is_some_and(|(_, field)| field.put == place) {
                SignedPart::Timestamp
            } else if self.nonce.as_ref().is_some_and(|(_, put)| *put == place) {
                SignedPart::Nonce
            } else if let Destination::Header(name) = &place {
                SignedPart::Header(name.clone())
            } else {
                SignedPart::Param(name.clone())
            };
            let is_header = matches!(place, Destination::Header(_));
            let fields = if is_header { &mut self.headers } else { &mut self.fields };
            let is_known = fields.iter().any(|field| field.name == name);
            let is_never_signed = is_header && NEVER_SIGNED.contains(&name.to_lowercase().as_str());
            if !is_known && !is_never_signed {
                fields.push(Field { name, value, part });
            }
        }
        for key in keys {
            let part = self.fields.iter().chain(&self.headers).find(|field| field.value == *key);
            let text = || SignedPart::Text(key.clone());
            let part = part.map_or_else(text, |field| field.part.clone());
            self.keys.push(Field { name: String::new(), value: key.clone(), part });
        }
    }
}

/// Adds the content type that a channel sends with such a body.
fn add_content_type(request: &mut Request) {
    if request.body.is_empty() || request.header("content-type").is_some() {
        return;
    }
    let content_type = match request.body.trim_ascii_start().first() {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "text/xml",
        _ if request.body.contains(&b'=') => "application/x-www-form-urlencoded",
        _ => "text/plain",
    };
    request.set_header("content-type", content_type);
}

/// Takes what has this value out of the request.
fn take(request: &mut Request, value: &str) -> Option<Destination> {
    let mut values = values(request).into_iter();
    let found = values.find(|(_, each)| each == value).map(|(place, _)| place);
    match found {
        Some(Destination::Header(name)) => {
            request.headers.retain(|(key, _)| *key != name);
            Some(Destination::Header(name))
        }
        Some(Destination::Param(name)) => {
            request.query.retain(|(key, _)| *key != name);
            Some(Destination::Param(name))
        }
        Some(Destination::Field(_) | Destination::Cookie(_)) | None => {
            request.take_field(value).map(Destination::Field)
        }
    }
}

/// All values of the request, and where they are.
fn values(request: &Request) -> Vec<(Destination, String)> {
    let headers = request.headers.iter().cloned();
    let headers = headers.map(|(name, value)| (Destination::Header(name), value));
    let params = request.query.iter().cloned();
    let params = params.map(|(name, value)| (Destination::Param(name), value));
    let form = request.params().into_iter().skip(request.query.len());
    let fields = form.chain(request.members());
    let fields = fields.map(|(name, value)| (Destination::Field(name), value));
    params.chain(fields).chain(headers).collect()
}

fn name_of(place: &Destination) -> &str {
    match place {
        Destination::Header(name)
        | Destination::Param(name)
        | Destination::Field(name)
        | Destination::Cookie(name) => name,
    }
}

/// A name in lower case, without `-` and `_`.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

fn is_time(name: &str, value: &str) -> bool {
    (name.ends_with("timestamp") || TIME_NAMES.contains(&name)) && form(value).is_some()
}

/// How a time like this is sent.
fn time_field(time: &str, put: Destination) -> Result<TimestampField, Fault> {
    let (unit, format, zone) = form(time).ok_or_else(|| {
        Fault::stopped("the time of the sample is written in a form that is not recognised")
            .remedy("give it in another form, such as seconds (10 digits) since 1970, if the source accepts that")
    })?;
    Ok(TimestampField { put, unit, format: format.map(str::to_owned), zone })
}

/// The unit of a time, by the number of its digits, or its format and zone.
fn form(time: &str) -> Option<(Option<TimeUnit>, Option<&'static str>, Option<Tz>)> {
    let is_number = time.bytes().all(|byte| byte.is_ascii_digit());
    match time.len() {
        10 if is_number => return Some((Some(TimeUnit::S), None, None)),
        13 if is_number => return Some((Some(TimeUnit::Ms), None, None)),
        _ => {}
    }
    let is_so = |format: &str| {
        let read = NaiveDateTime::parse_from_str(time, format);
        read.is_ok_and(|read| read.format(format).to_string() == time)
    };
    let (format, zone) = TIME_FORMATS.into_iter().find(|(format, _)| is_so(format))?;
    Some((None, Some(format), zone))
}
