//! Sizes as people write them.

/// Reads a number of bytes: `64m`, `1.5 GiB`, `1024`. Units are powers of 1024, in any letter case.
///
/// Spec: `RAMInBytes` of docker's `go-units`.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let mut unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    if unit.ends_with('b') {
        unit.pop();
    }
    let exponent = match unit.strip_suffix('i').unwrap_or(&unit) {
        "" if unit.is_empty() => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let scale = 1024_u64.pow(exponent);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let (whole, fraction) = number.split_once('.')?;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // More digits than these say nothing about a whole byte.
    let fraction = fraction.get(..fraction.len().min(9))?;
    if fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(scale);
    let part = part / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_mul(scale)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("0", 0),
            ("32", 32),
            ("32b", 32),
            ("32kb", 32 << 10),
            ("32 KiB", 32 << 10),
            ("64m", 64 << 20),
            ("1.5g", 3 << 29),
            (".5k", 512),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for bad in ["", "b ", "-1", "1x", "1ib", "m", "1.", "1.2.3", "99999999p", "1  k"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
