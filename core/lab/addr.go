package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// FreeAddr returns a loopback address that nobody listens on, for a receiver
// that keeps its address from one start to the next. Its port lies below those
// that systems give to outgoing connections, so that none takes it in between.
func FreeAddr() (string, error) {
	const first, ports = 20000, 12000
	begin := rand.IntN(ports) // several labs on one machine begin apart
	for i := range ports {
		addr := fmt.Sprintf("127.0.0.1:%d", first+(begin+i)%ports)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return "", fmt.Errorf("lab: %w", err)
		}
		return addr, nil
	}
	return "", errors.New("lab: every port is taken")
}
