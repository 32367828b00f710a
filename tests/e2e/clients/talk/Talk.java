// SPDX-License-Identifier: GPL-2.0-only
// A client by a provider of TLS that is no part of Java. Usage: Talk PROVIDER PORT SECRET
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.security.Provider;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class Talk {
	static class Anybody implements X509TrustManager {
		public void checkClientTrusted(X509Certificate[] c, String how) {}
		public void checkServerTrusted(X509Certificate[] c, String how) {}
		public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
	}

	public static void main(String[] args) throws Exception {
		Provider p = (Provider) Class.forName(args[0]).getDeclaredConstructor().newInstance();
		SSLContext c = SSLContext.getInstance("TLS", p);
		c.init(null, new TrustManager[] {new Anybody()}, new SecureRandom());
		System.out.println("ready");
		System.in.read();
		byte[] body = (args[2] + "\u0000\u0001").repeat(4000).getBytes();
		try (Socket s = c.getSocketFactory().createSocket("127.0.0.1",
								  Integer.parseInt(args[1]))) {
			OutputStream o = s.getOutputStream();
			o.write(("POST /" + args[2] + " HTTP/1.1\r\nConnection: close\r\n" +
				 "Content-Length: " + body.length + "\r\n\r\n").getBytes());
			o.write(body);
			InputStream i = s.getInputStream();
			byte[] b = new byte[65536];
			while (i.read(b) > 0)
				;
		}
	}
}
