// Tells what Telegraf's own parser of line protocol makes of streams, the one that inputs.execd reads with.
//
// Streams come in on stdin, and answers go out on stdout, in the same order. All numbers have 64 bits, little
// endian, and before every text stands its length:
//
//	stream: text
//	answer: count of results | result ...
//	result: 0                                        a line that costs itself
//	        1 | name | tags | fields | time          a metric; the time is in nanoseconds since 1970
//	tags:   count | (key | value) ...                in the order of their keys
//	fields: count | (key | kind | value) ...         kind 0: text; 1: a number's bits, signed; 2: unsigned;
//	                                                 3: floating-point; 4: a truth value, 0 or 1
//
// It is built within Telegraf's module: see the Makefile.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"math"
	"os"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/parsers/influx"
)

// The time of metrics that have none.
const noTime = -1

type answer struct{ bytes.Buffer }

func (a *answer) number(number uint64) {
	a.Write(binary.LittleEndian.AppendUint64(nil, number))
}

func (a *answer) text(text string) {
	a.number(uint64(len(text)))
	a.WriteString(text)
}

func (a *answer) metric(metric telegraf.Metric) {
	a.number(1)
	a.text(metric.Name())
	a.number(uint64(len(metric.TagList())))
	for _, tag := range metric.TagList() {
		a.text(tag.Key)
		a.text(tag.Value)
	}
	a.number(uint64(len(metric.FieldList())))
	for _, field := range metric.FieldList() {
		a.text(field.Key)
		a.value(field.Value)
	}
	a.number(uint64(metric.Time().UnixNano()))
}

func (a *answer) value(value any) {
	switch value := value.(type) {
	case string:
		a.number(0)
		a.text(value)
	case int64:
		a.number(1)
		a.number(uint64(value))
	case uint64:
		a.number(2)
		a.number(value)
	case float64:
		a.number(3)
		a.number(math.Float64bits(value))
	case bool:
		a.number(4)
		if value {
			a.number(1)
		} else {
			a.number(0)
		}
	default:
		log.Fatalf("a field of type %T", value)
	}
}

// Reads a stream as inputs.execd does.
func read(stream []byte) []byte {
	parser := influx.NewStreamParser(bytes.NewReader(stream))
	parser.SetTimeFunc(func() time.Time { return time.Unix(0, noTime) })
	var results answer
	count := uint64(0)
	for {
		metric, err := parser.Next()
		if errors.Is(err, influx.EOF) {
			break
		}
		var parseError *influx.ParseError
		switch {
		case err == nil:
			results.metric(metric)
		case errors.As(err, &parseError):
			results.number(0)
		default:
			log.Fatal(err)
		}
		count++
	}
	return append(binary.LittleEndian.AppendUint64(nil, count), results.Bytes()...)
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var length uint64
		err := binary.Read(in, binary.LittleEndian, &length)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		stream := make([]byte, length)
		if _, err := io.ReadFull(in, stream); err != nil {
			log.Fatal(err)
		}
		if _, err := out.Write(read(stream)); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
