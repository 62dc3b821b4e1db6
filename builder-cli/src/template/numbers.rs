//! Numbers with a point as Go writes them.

/// Writes a number that is not negative with a verb's letter; nothing where the letter is no number's.
pub(super) fn float(letter: char, number: f64, precision: Option<usize>) -> Option<String> {
    let text = match letter.to_ascii_lowercase() {
        'f' => format!("{number:.*}", precision.unwrap_or(6)),
        'e' => exponent(&format!("{number:.*e}", precision.unwrap_or(6))),
        'g' | 'v' => general(number, precision),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { text.to_uppercase() } else { text })
}

/// The shortest form, with an exponent where it is very large or very small.
fn general(number: f64, precision: Option<usize>) -> String {
    let digits = match precision {
        Some(precision) => format!("{number:.*e}", precision.max(1) - 1),
        None => format!("{number:e}"),
    };
    let (mantissa, power) = digits.split_once('e').unwrap_or((&digits, "0"));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let power: i32 = power.parse().unwrap_or(0);
    let count = mantissa.chars().filter(char::is_ascii_digit).count();
    let mut most = i32::try_from(precision.unwrap_or(6).max(1)).unwrap_or(i32::MAX);
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    if precision.is_some() && most > count && count > power {
        most = count;
    }
    if power < -4 || power >= most {
        return exponent(&format!("{mantissa}e{power}"));
    }
    let places = usize::try_from(count - 1 - power).unwrap_or(0);
    format!("{number:.places$}")
}

/// Rust writes `1e6` where Go writes `1e+06`.
fn exponent(text: &str) -> String {
    let (mantissa, power) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = power.strip_prefix('-').map_or(('+', power), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        for (letter, number, precision, expected) in [
            ('v', 2.5, None, "2.5"),
            ('v', 1e6, None, "1e+06"),
            ('v', 123_456.0, None, "123456"),
            ('v', 1e-5, None, "1e-05"),
            ('g', 1234.5678, Some(3), "1.23e+03"),
            ('g', 1234.5678, Some(6), "1234.57"),
            ('g', 0.0001, None, "0.0001"),
            ('e', 2.5, None, "2.500000e+00"),
            ('E', 2.5, Some(2), "2.50E+00"),
            ('f', 2.5, Some(0), "2"),
        ] {
            assert_eq!(float(letter, number, precision).as_deref(), Some(expected), "{letter} {number}");
        }
        assert_eq!(float('z', 1.0, None), None);
    }
}
