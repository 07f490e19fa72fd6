//! Tries recipes, counts them, and keeps those that give the signature.

use std::ops::ControlFlow;

use contract::Fault;
use serde_json::{Map, Value};

use super::{recipe::Recipe, sent::Sent, spelling::merged};
use crate::auth::{Algorithm, CustomSignature, DigestFormat, SignedPart, signable::Signable};

/// Maximum number of recipes that are returned.
const MAX_FOUND: usize = 5;
/// Maximum number of bytes that are signed, in all recipes. Long bodies reach it before the number of recipes is.
const MAX_BYTES: u64 = 256 << 20;

/// How often the secret is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uses {
    /// Once: in the text of a digest, or as the key of an HMAC.
    Once,
    /// Also not at all, or in both.
    Any,
}

/// A search: what was tried and found.
pub(super) struct Search<'a> {
    pub(super) sent: &'a Sent,
    pub(super) tried: u64,
    pub(super) recipes: Vec<Recipe>,
    pub(super) notes: Vec<String>,
    signable: Signable<'a>,
    /// What the signature may be: a digest, how it is written, and its bytes.
    targets: Vec<(Algorithm, DigestFormat, Vec<u8>)>,
    max_recipes: u64,
    bytes: u64,
    /// The recipes again, each with its parts in one spelling.
    found: Vec<(Algorithm, Vec<SignedPart>)>,
}

impl<'a> Search<'a> {
    pub(super) fn new(sent: &'a Sent, max_recipes: u64) -> Result<Self, Fault> {
        let mut targets = Vec::new();
        for coding in DigestFormat::ALL {
            let Some(wanted) = coding.decode(&sent.signature) else { continue };
            let is_new = |(_, _, known): &(Algorithm, DigestFormat, Vec<u8>)| *known != wanted;
            if !targets.iter().all(is_new) {
                // In another way to write the same.
                continue;
            }
            let fits = |algorithm: &Algorithm| algorithm.digest(b"", b"").len() == wanted.len();
            let algorithms = Algorithm::ALL.into_iter().filter(fits);
            targets.extend(algorithms.map(|algorithm| (algorithm, coding, wanted.clone())));
        }
        if targets.is_empty() {
            let what = "the signature is no MD5, SHA-1, SHA-256, SHA-512 or SM3 in hexadecimal of one case or in Base64";
            return Err(Fault::stopped(what)
                .remedy("give it without a prefix; a channel file cannot say another digest"));
        }
        Ok(Self {
            signable: Signable::new(&sent.request, sent.timestamp(), sent.nonce()),
            sent,
            targets,
            max_recipes,
            tried: 0,
            bytes: 0,
            recipes: Vec::new(),
            notes: Vec::new(),
            found: Vec::new(),
        })
    }

    /// Tries all digests of these parts. Breaks if the search has to end.
    pub(super) fn try_parts(&mut self, mut parts: Vec<SignedPart>, uses: Uses) -> ControlFlow<()> {
        parts.retain(|part| !matches!(part, SignedPart::Text(text) if text.is_empty()));
        let has_secret = parts.iter().any(|part| matches!(part, SignedPart::Secret(_)));
        let mut signature = self.signature(parts);
        let Ok(input) = signature.input(&self.signable) else { return ControlFlow::Continue(()) };
        let secret = &self.sent.secret;
        for index in 0..self.targets.len() {
            let Some((algorithm, coding, wanted)) = self.targets.get(index) else { continue };
            let (algorithm, coding) = (*algorithm, *coding);
            if uses == Uses::Once && algorithm.is_keyed() == has_secret {
                continue;
            }
            if self.tried >= self.max_recipes || self.bytes >= MAX_BYTES {
                return ControlFlow::Break(());
            }
            self.tried += 1;
            self.bytes += input.bytes.len() as u64;
            if algorithm.digest(secret.expose().as_bytes(), &input.bytes) != *wanted {
                continue;
            }
            signature.algorithm = algorithm;
            signature.coding = coding;
            signature.key = algorithm.is_keyed().then(|| secret.clone());
            self.keep(&signature)?;
        }
        ControlFlow::Continue(())
    }

    /// Tries a named scheme.
    pub(super) fn try_named(
        &mut self,
        scheme: &'static str,
        settings: Map<String, Value>,
    ) -> ControlFlow<()> {
        if self.tried >= self.max_recipes {
            return ControlFlow::Break(());
        }
        self.tried += 1;
        let recipe = Recipe { scheme, settings };
        if recipe.fits(self.sent) {
            self.recipes.push(recipe);
        }
        ControlFlow::Continue(())
    }

    /// Keeps a signature that fits, unless it is one in another spelling.
    fn keep(&mut self, signature: &CustomSignature) -> ControlFlow<()> {
        let found = (signature.algorithm, merged(&signature.parts));
        let recipe = Recipe::of(signature, &self.sent.variable);
        if self.found.contains(&found) || !recipe.fits(self.sent) {
            return ControlFlow::Continue(());
        }
        self.note_order(&signature.parts);
        self.note_coding(signature.coding);
        self.found.push(found);
        self.recipes.push(recipe);
        match self.recipes.len() {
            MAX_FOUND.. => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// Some vendors sort values, so that the order is another one in every request.
    fn note_order(&mut self, parts: &[SignedPart]) {
        let value = |part: &SignedPart| {
            let input = self.signature(vec![part.clone()]).input(&self.signable);
            input.map(|input| input.bytes).unwrap_or_default()
        };
        let is_value = |part: &SignedPart| {
            !matches!(part, SignedPart::Text(_) | SignedPart::Params | SignedPart::Members)
        };
        if parts.len() >= 3 && parts.iter().all(is_value) && parts.is_sorted_by_key(value) {
            self.notes.push(
                "the values are in alphabetical order in this sample: if the vendor sorts values, the order is \
                 another one in other requests, and a channel file cannot say that"
                    .to_owned(),
            );
        }
    }

    /// Two ways to write a digest differ only in some signatures.
    fn note_coding(&mut self, coding: DigestFormat) {
        let note = "this signature has neither + and / nor - and _: `coding` may also be base64_url; check it with a \
                    second sample";
        let is_either = coding == DigestFormat::Base64 && !self.sent.signature.contains(['+', '/']);
        if is_either && !self.notes.iter().any(|known| known == note) {
            self.notes.push(note.to_owned());
        }
    }

    /// A signature of these parts in hexadecimal MD5, with everything else as in the sample.
    fn signature(&self, parts: Vec<SignedPart>) -> CustomSignature {
        CustomSignature {
            algorithm: Algorithm::Md5,
            key: None,
            key_parts: None,
            parts,
            join: String::new(),
            coding: DigestFormat::Hex,
            put: self.sent.put.clone(),
            timestamp: self.sent.timestamp.as_ref().map(|(_, field)| field.clone()),
            nonce: self.sent.nonce.as_ref().map(|(_, destination)| destination.clone()),
            nonce_form: None,
            send: Vec::new(),
        }
    }
}
