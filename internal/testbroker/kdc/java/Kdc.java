import org.apache.kerby.kerberos.kerb.server.SimpleKdcServer;

import java.io.File;

/**
 * Runs a KDC (Apache Kerby) that lives as long as its standard input. Its
 * arguments are a directory, the realm, the port, and then a principal, its
 * password and the file for its keytab, for each principal.
 */
public class Kdc {
    public static void main(String[] args) throws Exception {
        File dir = new File(args[0]);
        SimpleKdcServer kdc = new SimpleKdcServer();
        kdc.setWorkDir(dir);
        kdc.setKdcRealm(args[1]);
        kdc.setKdcHost("127.0.0.1");
        kdc.setAllowUdp(false);
        kdc.setAllowTcp(true);
        kdc.setKdcTcpPort(Integer.parseInt(args[2]));
        kdc.init();
        for (int i = 3; i + 2 < args.length; i += 3) {
            kdc.createPrincipal(args[i], args[i + 1]);
            kdc.exportPrincipal(args[i], new File(args[i + 2]));
        }
        kdc.start();
        System.err.println("KDC started");
        while (System.in.read() >= 0) {
            // Nobody writes: this waits for the end.
        }
        kdc.stop();
        System.exit(0);
    }
}
