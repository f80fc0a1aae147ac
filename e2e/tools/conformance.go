// Package tools names the public conformance suite of the registry protocol, so that its
// version is pinned with those of the clients.
package tools

import _ "github.com/opencontainers/distribution-spec/conformance" // its tests are the suite
