// SPDX-License-Identifier: GPL-2.0-only
// A client by netty's BoringSSL. Usage: Netty PORT SECRET
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;

public class Netty {
	static class Sink extends SimpleChannelInboundHandler<ByteBuf> {
		protected void channelRead0(ChannelHandlerContext c, ByteBuf b) {}

		public void userEventTriggered(ChannelHandlerContext c, Object event) {
			if (event instanceof SslCloseCompletionEvent)
				c.close();
		}
	}

	public static void main(String[] args) throws Exception {
		int port = Integer.parseInt(args[0]);
		SslContext tls = SslContextBuilder.forClient()
					 .sslProvider(SslProvider.OPENSSL)
					 .trustManager(InsecureTrustManagerFactory.INSTANCE)
					 .endpointIdentificationAlgorithm(null)
					 .build();
		EventLoopGroup group = new NioEventLoopGroup(1);
		System.out.println("ready");
		System.in.read();
		byte[] body = (args[1] + "\u0000\u0001").repeat(4000).getBytes();
		Bootstrap b = new Bootstrap().group(group).channel(NioSocketChannel.class);
		b.handler(new ChannelInitializer<SocketChannel>() {
			protected void initChannel(SocketChannel s) {
				s.pipeline().addLast(tls.newHandler(s.alloc(), "localhost", port));
				s.pipeline().addLast(new Sink());
			}
		});
		Channel c = b.connect("127.0.0.1", port).sync().channel();
		c.write(Unpooled.copiedBuffer(("POST /" + args[1] +
					       " HTTP/1.1\r\nConnection: close\r\n" +
					       "Content-Length: " + body.length + "\r\n\r\n")
						      .getBytes()));
		c.writeAndFlush(Unpooled.wrappedBuffer(body));
		c.closeFuture().sync();
		System.exit(0);
	}
}
