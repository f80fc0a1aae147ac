package template

import (
	"math/big"
	"net/netip"
	"strconv"
)

// cidr evaluates Fn::Cidr: so many blocks of an address block, one after the other, each
// with so many bits for its hosts.
func (e *Evaluation) cidr(arg *Node) (*Node, error) {
	block, err := e.text(arg.Items[0], fnCidr)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, item := range arg.Items[1:] {
		text, err := e.text(item, fnCidr)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, failed("Template error: %s", forms[fnCidr])
		}
		numbers = append(numbers, n)
	}
	prefix, err := netip.ParsePrefix(block)
	if err != nil {
		return nil, failed("Template error: Fn::Cidr cannot use the address block '%s'", block)
	}
	count, size := numbers[0], prefix.Addr().BitLen()
	bits := size - prefix.Bits()
	if len(numbers) > 1 {
		bits = numbers[1]
	} else if bits > 8 {
		bits = 8
	}
	if count < 1 || count > 256 || bits < 1 || bits > size-prefix.Bits() {
		return nil, failed("Template error: Fn::Cidr can make 1 to 256 blocks of '%s', of at most %d bits", block, size-prefix.Bits())
	}
	at := new(big.Int).SetBytes(prefix.Masked().Addr().AsSlice())
	step := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	var blocks []string
	for range count {
		addr, _ := netip.AddrFromSlice(at.FillBytes(make([]byte, size/8)))
		if !prefix.Contains(addr) {
			return nil, failed("Template error: Fn::Cidr cannot make %d blocks of %d bits of '%s'", count, bits, block)
		}
		blocks = append(blocks, netip.PrefixFrom(addr, size-bits).String())
		at.Add(at, step)
		if at.BitLen() > size {
			at.SetInt64(0)
		}
	}
	return NewTexts(blocks...), nil
}
