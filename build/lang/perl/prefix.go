package perl

// The placeholders at which perl's steps build, as plan.NewPrefix makes them. They
// are older than that, and outputs hold them.
const (
	// runtimePrefix is where steps see perl.
	runtimePrefix = "/Q7MVFAnyFZTOVQ7XLZXY79Zn21Mw8DjHrXW8YpU6sAfy9p4sb7EFlWtAw2vgzhC"
	// bundlePrefix is where steps see the merged distributions they depend on.
	bundlePrefix = "/slRbpwOtcDPCELbOpyh2qC2ljtSKYZXVYXk5jAKfiDVGwHWK6k3SU0wmkgQSq4S"
)
