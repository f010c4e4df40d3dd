//! The macros that the generated files are written in: one line per member, word, operation and error.

/// Structures: `field: Type = "WireName", required|optional, RULE;`. Every field is a public `Option<Type>`: whether a
/// required member is there is checked after reading.
macro_rules! structures {
    ($(pub struct $name:ident {
        $($field:ident: $type:ty = $wire:literal, $presence:ident, $rule:expr;)*
    })*) => {$(
        #[derive(Clone, Default, PartialEq)]
        pub struct $name {
            $(pub $field: Option<$type>,)*
        }

        impl $crate::shape::Structure for $name {
            const NAME: &'static str = stringify!($name);
            const CONSTRAINT_ERROR: $crate::error::ErrorCode = super::CONSTRAINT_ERROR;

            fn members(
                &self,
                _visit: &mut dyn FnMut(&'static $crate::shape::Member, &dyn $crate::shape::Slot),
            ) {
                $({
                    static MEMBER: $crate::shape::Member = $crate::shape::Member {
                        field: stringify!($field),
                        wire: $wire,
                        required: $crate::macros::presence!($presence),
                        rule: &$rule,
                    };
                    _visit(&MEMBER, &self.$field);
                })*
            }

            fn slot(&mut self, wire: &str) -> Option<&mut dyn $crate::shape::Slot> {
                match wire {
                    $($wire => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::shape::debug(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::shape::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::shape::deserialize(deserializer)
            }
        }
    )*};
}

macro_rules! presence {
    (required) => {
        true
    };
    (optional) => {
        false
    };
}

/// Enumerations: `Variant = "WORD",`, in the order in which violations print the words. `alone` marks those that AWS
/// reports by themselves.
macro_rules! enumerations {
    ($(pub enum $name:ident $($form:ident)? {
        $($variant:ident = $word:literal,)+
    })*) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($variant,)+
            /// A word that the model does not know: kept as it is, and a violation when it comes in.
            Unknown(String),
        }

        impl $name {
            /// The words that the model knows.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Unknown(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::shape::Shape for $name {
            fn from_json(value: serde_json::Value) -> Result<Self, $crate::mismatch::Mismatch> {
                match value.as_str() {
                    Some(word) => Ok(Self::from(word)),
                    None => Err($crate::mismatch::Mismatch::scalar(&value, "String")),
                }
            }

            #[cfg(test)]
            fn sample(draw: &mut $crate::sample::Draw) -> Self {
                Self::from(draw.one_of(Self::WORDS))
            }

            fn to_json(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }

            fn write(&self, out: &mut Vec<u8>) {
                $crate::shape::write_text(self.as_str(), out);
            }

            fn show(&self, _rule: &$crate::rule::Rule, out: &mut String) {
                out.push_str(self.as_str());
            }

            fn breaches(&self, rule: &$crate::rule::Rule) -> Vec<$crate::violations::Breach> {
                match self {
                    Self::Unknown(_) => <Self as $crate::shape::Shape>::demands(rule),
                    _ => Vec::new(),
                }
            }

            fn demands(_rule: &$crate::rule::Rule) -> Vec<$crate::violations::Breach> {
                vec![$crate::violations::Breach::Enum(Self::WORDS)]
            }

            $($crate::macros::reported!($form);)?
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::shape::deserialize(deserializer)
            }
        }
    )*};
}

macro_rules! reported {
    (alone) => {
        fn is_reported_alone(&self) -> bool {
            true
        }
    };
}

/// Patterns: `NAME = "as the model writes it" => "for the regex crate";`.
macro_rules! patterns {
    ($($name:ident = $printed:literal => $source:literal;)*) => {
        $(static $name: $crate::rule::Pattern = $crate::rule::Pattern::new($printed, $source);)*

        #[cfg(test)]
        pub(crate) static PATTERNS: &[&$crate::rule::Pattern] = &[$(&$name),*];
    };
}

/// Rules: `NAME = .min(1).max(128).pattern(&PATTERN);`.
macro_rules! rules {
    ($($name:ident = $(.$demand:ident($($argument:expr)?))+;)*) => {
        $(pub(crate) static $name: $crate::rule::Rule = $crate::rule::Rule::ANY$(.$demand($($argument)?))+;)*
    };
}

/// Operations: `Name(Input) -> Output, Auth, [errors];`.
macro_rules! operations {
    ($service:expr; $($name:ident($input:ident) -> $output:ident, $auth:ident, [$($error:ident),* $(,)?];)*) => {
        /// An operation of the service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $($name,)*
        }

        impl Operation {
            /// Every operation of the model, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The operation's name on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The operation of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Who may call it, and how they say who they are.
            pub const fn auth(self) -> $crate::api::Auth {
                match self {
                    $(Self::$name => $crate::api::Auth::$auth,)*
                }
            }

            /// The errors that the model declares for it. Errors of the front end come on top.
            pub const fn errors(self) -> &'static [$crate::error::ErrorCode] {
                match self {
                    $(Self::$name => &[$($crate::error::ErrorCode::$error),*],)*
                }
            }

            /// Calls the visitor with the operation as a type.
            pub fn visit<V: $crate::api::OperationVisitor>(self, visitor: V) -> V::Output {
                match self {
                    $(Self::$name => visitor.visit::<ops::$name>(),)*
                }
            }
        }

        impl $crate::api::ServiceOperation for Operation {
            const SERVICE: $crate::api::Service = $service;

            fn name(self) -> &'static str {
                Self::name(self)
            }

            fn auth(self) -> $crate::api::Auth {
                Self::auth(self)
            }

            fn errors(self) -> &'static [$crate::error::ErrorCode] {
                Self::errors(self)
            }
        }

        impl std::fmt::Display for Operation {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        /// The operations as types, for tables of handlers.
        pub mod ops {
            $(
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl $crate::api::Api for $name {
                    type Input = super::$input;
                    type Output = super::$output;
                    type Operation = super::Operation;
                    const OPERATION: super::Operation = super::Operation::$name;
                }
            )*
        }
    };
}

/// Errors: `Name = "WireName", status, Fault, constructor;`.
macro_rules! errors {
    ($($name:ident = $wire:literal, $status:literal, $fault:ident, $constructor:ident;)*) => {
        /// Every error that Cenote answers with: those of the service models and those of AWS's front end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($name,)*
        }

        impl ErrorCode {
            /// Every error, in alphabetical order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The error's name on the wire (`__type`).
            pub const fn wire_name(self) -> &'static str {
                match self {
                    $(Self::$name => $wire,)*
                }
            }

            /// The error of this name.
            pub fn from_wire_name(name: &str) -> Option<Self> {
                match name {
                    $($wire => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The HTTP status that it is answered with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            /// Whose fault it is.
            pub const fn fault(self) -> cenote_base::Fault {
                match self {
                    $(Self::$name => cenote_base::Fault::$fault,)*
                }
            }
        }

        impl $crate::error::ApiError {
            $(
                #[doc = concat!("`", $wire, "` with this message.")]
                pub fn $constructor(message: impl Into<String>) -> Self {
                    Self::new(ErrorCode::$name, message)
                }
            )*
        }
    };
}

pub(crate) use {enumerations, errors, operations, patterns, presence, reported, rules, structures};
