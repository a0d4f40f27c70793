//! Blocks of network addresses.

use std::net::IpAddr;

/// One trusted proxy, or a block of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressBlock {
    network: IpAddr,
    prefix_bits: u8,
}

impl AddressBlock {
    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                shift == 32 || u32::from(network) >> shift == u32::from(address) >> shift
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                shift == 128 || u128::from(network) >> shift == u128::from(address) >> shift
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for AddressBlock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("`{text}` is neither an address nor a block such as 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let network: IpAddr = address.trim().parse().map_err(|_| error())?;
        let all = if network.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(all), |bits| bits.trim().parse().map_err(|_| error()))?;
        if prefix_bits > all { Err(error()) } else { Ok(Self { network, prefix_bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(block: &str, address: &str, expected: bool) {
        let block: AddressBlock = block.parse().unwrap();
        assert_eq!(block.contains(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn a_block_contains_the_addresses_that_share_its_prefix() {
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("192.0.2.7", "::ffff:192.0.2.7", true);
        check("0.0.0.0/0", "203.0.113.1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("::/0", "10.0.0.1", false);
    }

    #[test]
    fn what_is_no_block_is_refused_by_name() {
        for bad in ["", "proxy", "10.0.0.0/33", "10.0.0.0/x", "::/129"] {
            assert!(bad.parse::<AddressBlock>().unwrap_err().contains(bad));
        }
    }
}
