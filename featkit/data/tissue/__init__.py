"""Virtual breast tissue drawn in microns and photographed as BreaKHis was: data with a known truth."""
