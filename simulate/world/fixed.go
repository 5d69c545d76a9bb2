package world

import "math/bits"

// log2 gives the logarithm of a number with 32 bits behind the point, rounded
// down: by squaring, each time the number passes two a bit is one.
func log2(n uint64) uint64 {
	whole := uint64(bits.Len64(n) - 1)
	x := n << (63 - whole) // 1 <= x < 2, with 63 bits behind the point
	log := whole << 32
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		hi, lo := bits.Mul64(x, x)
		x = hi<<1 | lo>>63 // squared, in 1 <= x < 4 with 63 bits: the top bit is lost
		if hi>>63 == 1 {
			x = hi
			log |= bit
		}
	}
	return log
}

// exp2 gives two to the power of a fraction (32 bits behind the point, one
// included), with 32 bits behind the point: the product of the roots of two that
// its bits stand for.
func exp2(part uint64) uint64 {
	if part >= 1<<32 {
		return 1 << 33
	}
	x := uint64(1) << 32
	root := uint64(3037000500) // of two, with 31 bits behind the point
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		if part&bit != 0 {
			hi, lo := bits.Mul64(x, root)
			x = hi<<33 | lo>>31
		}
		root = sqrt31(root)
	}
	return x
}

// sqrt31 gives the root of a number with 31 bits behind the point.
func sqrt31(n uint64) uint64 {
	n <<= 31
	x := uint64(1) << 32
	for {
		next := (x + n/x) / 2
		if next >= x {
			return x
		}
		x = next
	}
}
