package supervisor

import (
	"context"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

// go-plugin's own services, which its client keeps to itself.
const (
	stdioMethod    = "/plugin.GRPCStdio/StreamStdio"
	shutdownMethod = "/plugin.GRPCController/Shutdown"
)

// followStdio logs what a Go plugin prints after its handshake: go-plugin diverts os.Stdout and os.Stderr into a
// stream, and a plugin that prints would stand still if nobody read it. It returns when the stream ends, which is
// at once where a plugin has no such stream.
func followStdio(ctx context.Context, conn grpc.ClientConnInterface, in *intake) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, stdioMethod)
	if err != nil || stream.SendMsg(&emptypb.Empty{}) != nil || stream.CloseSend() != nil {
		return
	}
	var sinks [2]*io.PipeWriter
	ended := make(chan struct{}, len(sinks))
	for i, name := range []string{"stdout", "stderr"} {
		r, w := io.Pipe()
		sinks[i] = w
		go func() {
			in.read(r, name)
			ended <- struct{}{}
		}()
	}
	for {
		// The message {channel: 1 stdout, 2 stderr; data} is read as the unknown fields of an empty one.
		var m emptypb.Empty
		if stream.RecvMsg(&m) != nil {
			break
		}
		if channel, data := stdioData(m.ProtoReflect().GetUnknown()); channel == 1 || channel == 2 {
			sinks[channel-1].Write(data)
		}
	}
	for _, w := range sinks {
		w.Close()
	}
	for range sinks {
		<-ended
	}
}

// stdioData decodes plugin.StdioData: field 1 the channel, field 2 the bytes. The channel is 0 when b is malformed.
func stdioData(b []byte) (channel uint64, data []byte) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, nil
		}
		b = b[n:]
		switch {
		case number == 1 && kind == protowire.VarintType:
			channel, n = protowire.ConsumeVarint(b)
		case number == 2 && kind == protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return 0, nil
		}
		b = b[n:]
	}
	return channel, data
}
