//! `Schema`: what a pool's attributes are made of (reference 02 §2).

use cenote_wire::ApiError;
use cenote_wire::idp::{
    AliasAttributeType, AttributeDataType, NumberAttributeConstraintsType, SchemaAttributeType,
    StringAttributeConstraintsType, UserPoolType,
};

use crate::domain::schema::{CUSTOM_PREFIX, DEVELOPER_PREFIX, Integer, is_standard, standard_documents};

/// The most characters that a text may have.
const LONGEST_TEXT: u32 = 2048;

/// The 20 standard attributes with the request's changes, and the pool's own ones.
pub(super) fn build(requested: &[SchemaAttributeType]) -> Result<Vec<SchemaAttributeType>, ApiError> {
    let mut schema = standard();
    let mut names = Vec::new();
    for (index, attribute) in requested.iter().enumerate() {
        let Some(name) = attribute.name.as_deref() else { return Err(no_name(index)) };
        if names.contains(&name) {
            return Err(duplicate(name, attribute));
        }
        names.push(name);
        match schema.iter_mut().find(|standard| standard.name.as_deref() == Some(name)) {
            Some(standard) => change_standard(standard, attribute)?,
            None => schema.push(custom(attribute, name)?),
        }
    }
    Ok(schema)
}

/// The 20 attributes of every pool in their wire form.
fn standard() -> Vec<SchemaAttributeType> {
    standard_documents()
        .into_iter()
        .map(|document| SchemaAttributeType {
            attribute_data_type: Some(AttributeDataType::from(document.attribute_data_type.as_str())),
            name: Some(document.name),
            developer_only_attribute: Some(document.developer_only_attribute),
            mutable: Some(document.mutable),
            required: Some(document.required),
            number_attribute_constraints: document.number_attribute_constraints.map(|bounds| {
                NumberAttributeConstraintsType { min_value: bounds.min_value, max_value: bounds.max_value }
            }),
            string_attribute_constraints: document.string_attribute_constraints.map(|bounds| {
                StringAttributeConstraintsType { min_length: bounds.min_length, max_length: bounds.max_length }
            }),
        })
        .collect()
}

/// Changes whether a standard attribute is required and mutable, and its bounds; nothing of `sub`.
fn change_standard(standard: &mut SchemaAttributeType, requested: &SchemaAttributeType) -> Result<(), ApiError> {
    let name = requested.name.as_deref().unwrap_or_default();
    let other_type =
        requested.attribute_data_type.is_some() && requested.attribute_data_type != standard.attribute_data_type;
    if other_type || requested.developer_only_attribute == Some(true) {
        return Err(ApiError::invalid_parameter(format!(
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute {name}"
        )));
    }
    if name == "sub" {
        return Ok(());
    }
    let mut changed = standard.clone();
    changed.required = requested.required.or(changed.required);
    changed.mutable = requested.mutable.or(changed.mutable);
    if changed.string_attribute_constraints.is_some() && requested.string_attribute_constraints.is_some() {
        changed.string_attribute_constraints.clone_from(&requested.string_attribute_constraints);
    }
    if changed.number_attribute_constraints.is_some() && requested.number_attribute_constraints.is_some() {
        changed.number_attribute_constraints.clone_from(&requested.number_attribute_constraints);
    }
    check_bounds(&changed)?;
    *standard = changed;
    Ok(())
}

/// An attribute of the pool's own. Without `Mutable` it may change.
fn custom(requested: &SchemaAttributeType, name: &str) -> Result<SchemaAttributeType, ApiError> {
    if requested.required == Some(true) {
        return Err(ApiError::invalid_parameter("Required custom attributes are not supported currently."));
    }
    let data_type = requested.attribute_data_type.clone().unwrap_or(AttributeDataType::String);
    let texts = requested.string_attribute_constraints.clone().unwrap_or_default();
    let numbers = requested.number_attribute_constraints.clone().unwrap_or_default();
    let attribute = SchemaAttributeType {
        name: Some(full_name(requested, name)),
        developer_only_attribute: Some(requested.developer_only_attribute == Some(true)),
        mutable: Some(requested.mutable.unwrap_or(true)),
        required: Some(false),
        string_attribute_constraints: (data_type == AttributeDataType::String).then_some(texts),
        number_attribute_constraints: (data_type == AttributeDataType::Number).then_some(numbers),
        attribute_data_type: Some(data_type),
    };
    check_bounds(&attribute)?;
    Ok(attribute)
}

fn full_name(requested: &SchemaAttributeType, name: &str) -> String {
    let prefix = if requested.developer_only_attribute == Some(true) { DEVELOPER_PREFIX } else { CUSTOM_PREFIX };
    format!("{prefix}{name}")
}

fn duplicate(name: &str, attribute: &SchemaAttributeType) -> ApiError {
    let name = if is_standard(name) { name.to_owned() } else { full_name(attribute, name) };
    ApiError::invalid_parameter(format!(
        "Duplicate custom attribute names {name} are not allowed in a user pool schema."
    ))
}

/// The model does not require a name, the service does: in the words of a violated constraint.
fn no_name(index: usize) -> ApiError {
    let position = index.saturating_add(1);
    ApiError::invalid_parameter(format!(
        "1 validation error detected: Value null at 'schema.{position}.member.name' failed to satisfy constraint: \
         Member must not be null"
    ))
}

fn check_bounds(attribute: &SchemaAttributeType) -> Result<(), ApiError> {
    let name = attribute.name.as_deref().unwrap_or_default();
    if let Some(lengths) = &attribute.string_attribute_constraints {
        let (min, max) = (bound(name, lengths.min_length.as_deref())?, bound(name, lengths.max_length.as_deref())?);
        let longest = Integer::from(LONGEST_TEXT);
        if [&min, &max].into_iter().flatten().any(|length| *length > longest) {
            return Err(ApiError::invalid_parameter(format!(
                "user.{name}: String attributes cannot have a length of more than {LONGEST_TEXT}"
            )));
        }
        let none = Integer::from(0);
        if [&min, &max].into_iter().flatten().any(|length| *length < none) {
            return Err(ApiError::invalid_parameter(format!("Attribute {name} cannot have a negative length")));
        }
        return check_order(&min, &max, || {
            format!("Attribute {name} cannot have a max length shorter than it's min length")
        });
    }
    if let Some(values) = &attribute.number_attribute_constraints {
        let (min, max) = (bound(name, values.min_value.as_deref())?, bound(name, values.max_value.as_deref())?);
        return check_order(&min, &max, || {
            format!("Attribute {name} cannot have a max value smaller than it's min value")
        });
    }
    Ok(())
}

fn bound(name: &str, text: Option<&str>) -> Result<Option<Integer>, ApiError> {
    let no_number =
        || ApiError::invalid_parameter(format!("The constraints of attribute {name} must be whole numbers"));
    text.map(str::parse).transpose().map_err(|_| no_number())
}

fn check_order(min: &Option<Integer>, max: &Option<Integer>, text: impl Fn() -> String) -> Result<(), ApiError> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(ApiError::invalid_parameter(text())),
        _ => Ok(()),
    }
}

/// A preferred user name that signs in is chosen after the confirmation, so nobody could give it at sign-up.
pub(super) fn check_aliases(pool: &UserPoolType) -> Result<(), ApiError> {
    let aliases = pool.alias_attributes.as_deref().unwrap_or_default();
    let required = |attribute: &SchemaAttributeType| {
        attribute.name.as_deref() == Some("preferred_username") && attribute.required == Some(true)
    };
    let schema = pool.schema_attributes.as_deref().unwrap_or_default();
    if aliases.contains(&AliasAttributeType::PreferredUsername) && schema.iter().any(required) {
        return Err(ApiError::invalid_parameter(
            "preferred_username cannot be a required attribute when it is used as an alias.",
        ));
    }
    Ok(())
}
