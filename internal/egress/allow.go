package egress

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Allow lists what may be reached although it is not of the public internet.
type Allow struct {
	networks []netip.Prefix
	hosts    map[string]bool // "name" or "name:port", in lower case
}

// ParseAllow reads a list of hosts, which are names or addresses, with or without a
// port, and of networks in CIDR form. A name that is allowed is allowed whatever its
// address is.
func ParseAllow(list ...string) (Allow, error) {
	a := Allow{hosts: map[string]bool{}}
	for _, entry := range list {
		entry = strings.ToLower(strings.TrimSpace(entry))
		switch {
		case entry == "":
		case strings.Contains(entry, "/"):
			p, err := netip.ParsePrefix(entry)
			if err != nil {
				return Allow{}, fmt.Errorf("%q is not a network such as 10.0.0.0/8", entry)
			}
			a.networks = append(a.networks, p.Masked())
		default:
			host, err := hostOf(entry)
			if err != nil {
				return Allow{}, err
			}
			a.hosts[host] = true
		}
	}
	return a, nil
}

// hostOf returns an entry in the form in which hosts are looked up.
func hostOf(entry string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
		return ip.Unmap().String(), nil
	}
	host, port := entry, ""
	if strings.Contains(entry, ":") {
		var err error
		if host, port, err = net.SplitHostPort(entry); err != nil {
			return "", fmt.Errorf("%q is not a host, a host and a port, or a network", entry)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("%q: a port is a number from 1 to 65535", entry)
		}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	} else if host == "" || strings.ContainsAny(host, "*@?#% ") {
		return "", fmt.Errorf("%q is not a host, a host and a port, or a network", entry)
	}
	host = strings.TrimSuffix(host, ".")
	if port == "" {
		return host, nil
	}
	return net.JoinHostPort(host, port), nil
}

// host reports whether what is dialled is allowed by its name.
func (a Allow) host(host, port string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return a.hosts[host] || a.hosts[net.JoinHostPort(host, port)]
}

// address reports whether an address may be reached.
func (a Allow) address(ap netip.AddrPort) bool {
	ip := ap.Addr().Unmap().WithZone("")
	for _, p := range a.networks {
		if p.Contains(ip) {
			return true
		}
	}
	return a.host(ip.String(), strconv.Itoa(int(ap.Port()))) || Public(ip)
}
