//! A service as the generator sees it: the model, checked, corrected and sorted into files.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::model::{Model, RawMember, RawShape};
use crate::overrides::Overrides;
use crate::source::{Pin, Resources};

/// The file of what several resources use.
pub const SHARED: &str = "shared";

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Where it comes from.
    pub pin: Pin,
    /// What stands before the `.` in `X-Amz-Target`.
    pub target_prefix: String,
    /// The error that violated constraints are answered with.
    pub constraint_error: String,
    /// The shapes that its operations reach.
    pub shapes: BTreeMap<String, Shape>,
    /// Its operations.
    pub operations: BTreeMap<String, Operation>,
    /// Its errors; true for those of the server.
    pub errors: BTreeMap<String, bool>,
}

/// A shape.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What it is.
    pub kind: Kind,
    /// The lower bound of a length or a value.
    pub min: Option<i64>,
    /// The upper bound.
    pub max: Option<i64>,
    /// The pattern, in Java's syntax.
    pub pattern: Option<String>,
    /// Violations leave the value out and `Debug` never prints it.
    pub sensitive: bool,
    /// `Debug` never prints it.
    pub secret: bool,
    /// Whether an input holds it.
    pub is_input: bool,
    /// The file that it belongs to.
    pub resource: String,
}

/// What a shape is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Members in the model's order.
    Structure(Vec<Member>),
    /// A list of this shape.
    List(String),
    /// A map from one shape to another.
    Map(String, String),
    /// A text.
    Text,
    /// One of some words; whether violations are reported by themselves.
    Enumeration(Vec<String>, bool),
    /// A 32-bit number.
    Integer,
    /// A 64-bit number.
    Long,
    /// True or false.
    Boolean,
    /// A time.
    Timestamp,
    /// Bytes.
    Blob,
    /// Any JSON.
    Document,
}

/// A member of a structure.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name on the wire.
    pub wire: String,
    /// Its shape.
    pub shape: String,
    /// Whether it must be there.
    pub required: bool,
}

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// What it takes.
    pub input: String,
    /// What it answers with.
    pub output: Option<String>,
    /// A variant of `cenote_wire::Auth`.
    pub auth: String,
    /// What it may fail with.
    pub errors: Vec<String>,
}

impl Service {
    /// Checks, corrects and sorts a model.
    pub fn build(pin: Pin, model: Model, overrides: &Overrides, resources: &Resources) -> Result<Self, Error> {
        if model.metadata.protocol != "json" {
            return Err(refuse(&pin, format!("the protocol {}", model.metadata.protocol)));
        }
        let errors = model.shapes.iter().filter(|(_, raw)| raw.exception);
        let errors = errors.map(|(name, raw)| (name.clone(), raw.fault)).collect();
        let mut shapes = BTreeMap::new();
        for (name, raw) in &model.shapes {
            if !raw.exception {
                shapes.insert(name.clone(), Shape::parse(raw).map_err(|what| refuse(&pin, format!("{name}: {what}")))?);
            }
        }
        let mut service = Self {
            target_prefix: model.metadata.target_prefix,
            constraint_error: "InvalidParameterException".to_owned(),
            pin,
            shapes,
            operations: BTreeMap::new(),
            errors,
        };
        service.correct(overrides)?;
        for (name, raw) in model.operations {
            let what = || service.refuse(format!("{name} has no input"));
            let input = raw.input.ok_or_else(what)?.shape;
            let auth = service.auth(&name, &input, raw.authtype.as_deref(), overrides)?;
            let errors = raw.errors.into_iter().map(|error| error.shape).collect();
            let operation = Operation { input, output: raw.output.map(|output| output.shape), auth, errors };
            service.operations.insert(name, operation);
        }
        service.sort(resources)?;
        Ok(service)
    }

    /// A shape of the service.
    pub fn shape(&self, name: &str) -> Result<&Shape, Error> {
        self.shapes.get(name).ok_or_else(|| self.refuse(format!("no shape {name}")))
    }

    /// An error that names the service.
    pub fn refuse(&self, what: String) -> Error {
        refuse(&self.pin, what)
    }

    fn correct(&mut self, overrides: &Overrides) -> Result<(), Error> {
        let service = self.pin.name.clone();
        if let Some(it) = overrides.service.iter().find(|it| it.service == service) {
            self.constraint_error.clone_from(&it.constraint_error);
            overrides.used(format!("{service}/"));
        }
        for it in overrides.derive.iter().filter(|it| it.service == service) {
            let mut shape = self.shape(&it.like)?.clone();
            shape.min = it.min.or(shape.min);
            shape.pattern = it.pattern.clone().or(shape.pattern);
            shape.secret |= it.secret;
            if self.shapes.insert(it.shape.clone(), shape).is_some() {
                return Err(self.refuse(format!("{} is a shape of the model", it.shape)));
            }
            overrides.used(format!("{service}/{}", it.shape));
        }
        for it in overrides.shape.iter().filter(|it| it.service == service) {
            let corrected = self.shape(&it.shape)?.clone().corrected(it);
            let corrected = corrected.map_err(|what| Error::Override(format!("{}: {what}", it.shape)))?;
            self.shapes.insert(it.shape.clone(), corrected);
            overrides.used(format!("{service}/{}", it.shape));
        }
        for it in overrides.member.iter().filter(|it| it.service == service) {
            self.shape(&it.shape)?;
            for path in &it.members {
                let member = path.split_once('.').and_then(|(structure, member)| self.member(structure, member));
                member.ok_or_else(|| Error::Override(format!("no member {path}")))?.shape.clone_from(&it.shape);
                overrides.used(format!("{service}/{path}"));
            }
        }
        Ok(())
    }

    fn member(&mut self, structure: &str, member: &str) -> Option<&mut Member> {
        match &mut self.shapes.get_mut(structure)?.kind {
            Kind::Structure(members) => members.iter_mut().find(|it| it.wire == member),
            _ => None,
        }
    }

    /// Who may call an operation: what the overrides say, else what follows from the model.
    fn auth(
        &self,
        operation: &str,
        input: &str,
        authtype: Option<&str>,
        overrides: &Overrides,
    ) -> Result<String, Error> {
        let given = overrides.operation.iter().find(|it| it.service == self.pin.name && it.operation == operation);
        if let Some(given) = given {
            overrides.used(format!("{}/{operation}", self.pin.name));
            return Ok(given.auth.clone());
        }
        let Kind::Structure(members) = &self.shape(input)?.kind else {
            return Err(self.refuse(format!("{input} is no structure")));
        };
        let token = members.iter().find(|member| member.wire == "AccessToken");
        let has = |name: &str| members.iter().any(|member| member.wire == name);
        Ok(match (authtype, token) {
            (None, _) => "Signed",
            (Some("none"), Some(token)) if !token.required && has("Session") => "AccessTokenOrSession",
            (Some("none"), Some(_)) => "AccessToken",
            (Some("none"), None) => "Public",
            (Some(other), _) => return Err(self.refuse(format!("{operation}: the authtype {other}"))),
        }
        .to_owned())
    }

    /// Finds out which shapes inputs hold and which file each shape belongs to; drops what no operation reaches.
    fn sort(&mut self, resources: &Resources) -> Result<(), Error> {
        let empty = BTreeMap::new();
        let resources = resources.get(&self.pin.name).unwrap_or(&empty);
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut inputs = BTreeSet::new();
        for (name, operation) in &self.operations {
            let resource = resources.iter().find(|(_, operations)| operations.contains(name));
            let resource = resource.ok_or_else(|| self.refuse(format!("resources.toml does not name {name}")))?.0;
            let mut reached = BTreeSet::new();
            self.reach(&operation.input, &mut reached)?;
            inputs.extend(reached.iter().cloned());
            operation.output.iter().try_for_each(|output| self.reach(output, &mut reached))?;
            for shape in reached {
                users.entry(shape).or_default().insert(resource.clone());
            }
        }
        let named = resources.values().flatten();
        if let Some(unknown) = named.into_iter().find(|name| !self.operations.contains_key(*name)) {
            return Err(self.refuse(format!("resources.toml names {unknown}, which is no operation")));
        }
        self.shapes.retain(|name, _| users.contains_key(name));
        for (name, shape) in &mut self.shapes {
            shape.is_input = inputs.contains(name);
            shape.resource = match users.get(name).map(|users| users.iter().collect::<Vec<_>>()).as_deref() {
                Some([only]) => (*only).clone(),
                _ => SHARED.to_owned(),
            };
        }
        Ok(())
    }

    /// Adds the shape and everything in it to `reached`.
    fn reach(&self, name: &str, reached: &mut BTreeSet<String>) -> Result<(), Error> {
        if !reached.insert(name.to_owned()) {
            return Ok(());
        }
        match &self.shape(name)?.kind {
            Kind::Structure(members) => members.iter().try_for_each(|member| self.reach(&member.shape, reached)),
            Kind::List(member) => self.reach(member, reached),
            Kind::Map(key, value) => self.reach(key, reached).and_then(|()| self.reach(value, reached)),
            _ => Ok(()),
        }
    }
}

fn refuse(pin: &Pin, what: String) -> Error {
    Error::Model { service: pin.name.clone(), what }
}

impl Shape {
    fn parse(raw: &RawShape) -> Result<Self, String> {
        let inner = |reference: &Option<crate::model::Reference>| {
            reference.as_ref().map(|it| it.shape.clone()).ok_or("no inner shape".to_owned())
        };
        let kind = match raw.r#type.as_str() {
            "structure" if raw.document => Kind::Document,
            "structure" => Kind::Structure(Member::parse(raw)?),
            "list" => Kind::List(inner(&raw.member)?),
            "map" => Kind::Map(inner(&raw.key)?, inner(&raw.value)?),
            "string" if raw.r#enum.is_empty() => Kind::Text,
            "string" => Kind::Enumeration(raw.r#enum.clone(), false),
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "boolean" => Kind::Boolean,
            "timestamp" => Kind::Timestamp,
            "blob" => Kind::Blob,
            other => return Err(format!("the type {other}")),
        };
        Ok(Self {
            kind,
            min: raw.min,
            max: raw.max,
            pattern: raw.pattern.clone(),
            sensitive: raw.sensitive,
            secret: raw.sensitive,
            is_input: false,
            resource: SHARED.to_owned(),
        })
    }

    fn corrected(mut self, by: &crate::overrides::ShapeOverride) -> Result<Self, String> {
        self.secret |= by.secret;
        if let Kind::Enumeration(words, alone) = &mut self.kind {
            words.extend(by.add_words.iter().cloned());
            *alone = by.alone;
            if let Some(order) = &by.words {
                let same = words.iter().collect::<BTreeSet<_>>() == order.iter().collect();
                if !same || words.len() != order.len() {
                    return Err("the words are not the model's".to_owned());
                }
                words.clone_from(order);
            }
        } else if !by.add_words.is_empty() || by.words.is_some() || by.alone {
            return Err("no enumeration".to_owned());
        }
        Ok(self)
    }
}

impl Member {
    fn parse(raw: &RawShape) -> Result<Vec<Self>, String> {
        let members = raw.members.as_ref().ok_or("no members")?;
        if let Some(unknown) = raw.required.iter().find(|name| !members.contains_key(*name)) {
            return Err(format!("{unknown} is required and not there"));
        }
        let parse = |(wire, value): (&String, &serde_json::Value)| {
            let member: RawMember =
                serde_json::from_value(value.clone()).map_err(|error| format!("{wire}: {error}"))?;
            Ok(Self { wire: wire.clone(), shape: member.shape, required: raw.required.contains(wire) })
        };
        members.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RESOURCES: &str = "[example]\nthings = ['CreateThing']\nothers = ['GetThing']";
    const NO_OVERRIDES: &str =
        "service = []\nshape = []\nderive = []\nmember = []\noperation = []\nerror = []\nfront_end_error = []";

    fn example() -> serde_json::Value {
        json!({
            "metadata": {"protocol": "json", "targetPrefix": "Example"},
            "operations": {
                "CreateThing": {"input": {"shape": "In"}, "errors": [{"shape": "BadException"}]},
                "GetThing": {"input": {"shape": "Get"}, "output": {"shape": "Out"}, "authtype": "none"},
            },
            "shapes": {
                "In": {"type": "structure", "required": ["Name"], "members": {
                    "Name": {"shape": "Name"}, "Kind": {"shape": "Kind"}, "Tags": {"shape": "Tags"},
                }},
                "Get": {"type": "structure", "members": {"AccessToken": {"shape": "Token"}, "Session": {"shape": "Name"}}},
                "Out": {"type": "structure", "members": {"Link": {"shape": "Link"}, "Kind": {"shape": "Kind"}}},
                "Name": {"type": "string", "min": 1, "max": 8, "pattern": "[\\w]+", "documentation": "Prose."},
                "Token": {"type": "string", "sensitive": true},
                "Kind": {"type": "string", "enum": ["GOOD", "BAD"]},
                "Tags": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Token"}, "max": 3},
                "Link": {"type": "string", "pattern": "a(?<!b)"},
                "Unused": {"type": "string"},
                "BadException": {"type": "structure", "exception": true, "members": {"message": {"shape": "Name"}}},
            },
        })
    }

    fn build(model: serde_json::Value, overrides: &str) -> Result<(Service, Overrides), String> {
        let text = |text: &str| text.to_owned();
        let pin = Pin {
            name: text("example"),
            module: text("example"),
            variant: text("Example"),
            file: text("-"),
            sha256: text("-"),
            botocore: None,
        };
        let model = serde_json::from_value(model).map_err(|error| error.to_string())?;
        let overrides: Overrides = toml::from_str(overrides).unwrap();
        let service = Service::build(pin, model, &overrides, &toml::from_str(RESOURCES).unwrap());
        Ok((service.map_err(|error| error.to_string())?, overrides))
    }

    fn written(model: serde_json::Value, overrides: &str) -> Result<String, String> {
        let (service, overrides) = build(model, overrides)?;
        overrides.check_all_used(std::slice::from_ref(&service)).map_err(|error| error.to_string())?;
        let files = crate::emit::files(&[service], &overrides).map_err(|error| error.to_string())?;
        Ok(files.iter().map(|(path, text)| format!("==> {}\n{text}", path.display())).collect())
    }

    #[test]
    fn names_types_and_constraints_are_carried_over_and_prose_is_not() {
        let text = written(example(), NO_OVERRIDES).unwrap();
        let lines = [
            "    CreateThing(In) -> Empty, Signed, [\n        Bad,\n    ];",
            "    GetThing(Get) -> Out, AccessTokenOrSession, [];",
            "        name: String = \"Name\", required, rules::NAME;",
            "        kind: Kind = \"Kind\", optional, FREE;",
            "        tags: BTreeMap<String, Sensitive> = \"Tags\", optional, rules::TAGS;",
            "    pub enum Kind {\n        Good = \"GOOD\",\n        Bad = \"BAD\",",
            "    NAME = .min(1).max(8).pattern(&NAME_PATTERN);",
            "    TAGS = .keys(&NAME).of(&TOKEN).max(3);",
            "    TOKEN = .hidden();",
            "    Bad = \"BadException\", 400, Caller, bad;",
        ];
        for line in lines {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("Prose") && !text.contains("Unused"), "{text}");
        // What both resources use.
        assert!(text.split("==> example/shared.rs").nth(1).unwrap().contains("pub enum Kind"));
    }

    #[test]
    fn look_behind_is_refused_where_an_input_is_matched_against_it() {
        // In the example only an output has it.
        let mut model = example();
        model["shapes"]["In"]["members"]["Link"] = json!({"shape": "Link"});
        let error = written(model, NO_OVERRIDES).unwrap_err();
        assert_eq!(error, "example: the pattern a(?<!b): look-around or an unknown group");
    }

    #[test]
    fn what_is_not_understood_stops_the_generator() {
        let wrong = |pointer: &str, value: serde_json::Value| {
            let mut model = example();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            model.pointer_mut(parent).unwrap()[name] = value;
            written(model, NO_OVERRIDES).unwrap_err()
        };
        assert!(wrong("/shapes/Name/flattened", json!(true)).contains("unknown field `flattened`"));
        assert!(wrong("/shapes/In/members/Name/location", json!("header")).contains("unknown field `location`"));
        assert_eq!(wrong("/shapes/Name/type", json!("float")), "example: Name: the type float");
        assert_eq!(wrong("/metadata/protocol", json!("rest-xml")), "example: the protocol rest-xml");
        assert_eq!(wrong("/operations/GetThing/authtype", json!("v4")), "example: GetThing: the authtype v4");
        let another = json!({"input": {"shape": "In"}});
        assert_eq!(wrong("/operations/Another", another), "example: resources.toml does not name Another");
        assert_eq!(wrong("/shapes/Kind/enum", json!(["A_B", "a-b"])), "example: Kind has two variants for a-b");
        assert!(wrong("/shapes/In/required", json!(["Other"])).contains("Other is required and not there"));
    }

    #[test]
    fn overrides_change_the_model() {
        let overrides = NO_OVERRIDES
            .replace("shape = []", "shape = [{service = 'example', shape = 'Kind', add_words = ['NEW'], words = ['NEW', 'BAD', 'GOOD'], alone = true, reason = 'r'}]")
            .replace("derive = []", "derive = [{service = 'example', shape = 'Short', like = 'Name', min = 2, secret = true, reason = 'r'}]")
            .replace("member = []", "member = [{service = 'example', members = ['In.Name'], shape = 'Short', reason = 'r'}]")
            .replace("operation = []", "operation = [{service = 'example', operation = 'CreateThing', auth = 'Public', reason = 'r'}]")
            .replace("service = []", "service = [{service = 'example', constraint_error = 'BadException', reason = 'r'}]");
        let text = written(example(), &overrides).unwrap();
        let lines = [
            "    pub enum Kind alone {\n        New = \"NEW\",\n        Bad = \"BAD\",\n        Good = \"GOOD\",",
            "        name: Sensitive = \"Name\", required, rules::SHORT;",
            "    SHORT = .min(2).max(8).pattern(&NAME_PATTERN);",
            "    CreateThing(In) -> Empty, Public, [",
            "const CONSTRAINT_ERROR: crate::ErrorCode = crate::ErrorCode::Bad;",
        ];
        for line in lines {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn an_override_that_does_not_fit_is_an_error() {
        let wrong = |list: &str, entry: &str| {
            let list = format!("{list} = []");
            written(
                example(),
                &NO_OVERRIDES.replace(&list, &list.replace("[]", &format!("[{{{entry}, reason = 'r'}}]"))),
            )
            .unwrap_err()
        };
        assert_eq!(wrong("shape", "service = 'example', shape = 'None'"), "example: no shape None");
        assert!(wrong("shape", "service = 'other', shape = 'Kind'").contains("other/Kind is not in the model"));
        assert!(wrong("shape", "service = 'example', shape = 'Kind', words = ['GOOD']").contains("not the model's"));
        assert!(wrong("member", "service = 'example', members = ['In.X'], shape = 'Name'").contains("no member In.X"));
        let operation = "service = 'example', operation = 'X', auth = 'Public'";
        assert!(wrong("operation", operation).contains("example/X is not in the model"));
        assert!(wrong("error", "name = 'XException', status = 400, fault = 'Caller'").contains("XException"));
    }
}
