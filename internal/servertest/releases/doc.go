// Package releases tests deploy/release with real dpkg, in a Debian root in which no
// init runs. It is apart from deploy, whose tests take seconds.
package releases
