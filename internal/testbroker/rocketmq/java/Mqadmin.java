import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs mqadmin's commands, one after the other, in one virtual machine that
 * lives as long as its standard input. Each line there is one command: its
 * arguments, separated by zero bytes, in base64. Each is answered by one line
 * with what the command has printed, in base64.
 */
public class Mqadmin {
    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String command = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            try (PrintStream out = new PrintStream(printed, true, StandardCharsets.UTF_8)) {
                System.setOut(out);
                System.setErr(out);
                MQAdminStartup.main0(command.split("\0"), null);
            }
            answers.println("answer " + Base64.getEncoder().encodeToString(printed.toByteArray()));
            answers.flush();
        }
        // The client library's threads would keep the virtual machine alive.
        Runtime.getRuntime().halt(0);
    }
}
