// Command bench compares envbuild repo with other programs.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	n, _ := strconv.Atoi(os.Args[2])
	f, _ := strconv.Atoi(os.Args[3])
	if err := makePool(os.Args[1], f, n); err != nil {
		fmt.Println(err)
	}
}
