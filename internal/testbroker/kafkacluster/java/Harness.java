import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Deserializer;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Runs Kafka's command-line tools and consumers in one virtual machine that
 * lives as long as its standard input. Each line there is one request in JSON,
 * each line on standard output an answer (it has the request's id) or an event
 * of a consumer (it has the consumer's name).
 */
public class Harness {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = System.out;
    private static final Map<String, Worker> CONSUMERS = new ConcurrentHashMap<>();

    // The running tool's answer, completed as soon as it asks to exit, and what it prints.
    private static volatile ObjectNode toolAnswer;
    private static volatile ByteArrayOutputStream toolOut;
    private static volatile ByteArrayOutputStream toolErr;

    /** Ends a tool in place of the process. Tools may catch it and go on: that no longer counts. */
    private static final class ExitCalled extends Error {
        ExitCalled(String message) {
            super(message, null, false, false);
        }
    }

    public static void main(String[] args) throws Exception {
        catchExit();
        // Tools print to the one System.out, so they run one after the other.
        ExecutorService tools = Executors.newSingleThreadExecutor(Harness::daemon);
        ExecutorService others = Executors.newCachedThreadPool(Harness::daemon);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode request = JSON.readTree(line);
            (request.path("op").asText().equals("tool") ? tools : others).execute(() -> answer(request));
        }
        // Consumers do not leave their groups: whoever wants that stops them.
        Runtime.getRuntime().halt(0);
    }

    /** Kafka's own way to exit is reached by reflection: since 4.4 it is in another package. */
    private static void catchExit() throws ReflectiveOperationException {
        Class<?> exit = find("org.apache.kafka.common.utils.internals.Exit", "org.apache.kafka.common.utils.Exit");
        Class<?> procedure = Class.forName(exit.getName() + "$Procedure");
        Object caught = Proxy.newProxyInstance(Harness.class.getClassLoader(), new Class<?>[] {procedure}, (self, method, args) -> {
            ObjectNode state = toolAnswer;
            if (state != null && !state.has("exit")) {
                if (args[1] != null) {
                    System.err.println(args[1]);
                }
                printed(state, (int) args[0]);
            }
            throw new ExitCalled((String) args[1]);
        });
        exit.getMethod("setExitProcedure", procedure).invoke(null, caught);
    }

    /** Returns the first of the classes that this version of Kafka has. */
    private static Class<?> find(String... names) throws ClassNotFoundException {
        for (String name : names) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException e) {
                // the next one
            }
        }
        throw new ClassNotFoundException(String.join(", ", names));
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    private static void answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        answer.put("id", request.path("id").asLong());
        try {
            switch (request.path("op").asText()) {
                case "tool" -> tool(request, answer);
                case "consume" -> {
                    Worker worker = new Worker(request);
                    CONSUMERS.put(worker.name, worker);
                    daemon(worker).start();
                }
                case "stop" -> {
                    Worker worker = CONSUMERS.remove(request.path("consumer").asText());
                    if (worker != null) {
                        worker.stop();
                    }
                }
                default -> throw new IllegalArgumentException("no such op");
            }
        } catch (Throwable e) {
            answer.put("failure", e.toString());
        }
        send(answer);
    }

    private static synchronized void send(ObjectNode message) {
        try {
            OUT.println(JSON.writeValueAsString(message));
            OUT.flush();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static void tool(JsonNode request, ObjectNode answer) throws Throwable {
        List<String> args = new ArrayList<>();
        request.path("args").forEach(arg -> args.add(arg.asText()));
        Method main = find(request.path("class").asText().split(",")).getMethod("main", String[].class);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream oldOut = System.out;
        PrintStream oldErr = System.err;
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        toolOut = out;
        toolErr = err;
        toolAnswer = answer;
        try {
            // Scala's Console keeps the first System.out that it has seen.
            console(() -> main.invoke(null, (Object) args.toArray(new String[0])));
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof ExitCalled)) {
                throw e.getCause();
            }
        } finally {
            System.setOut(oldOut);
            System.setErr(oldErr);
            toolAnswer = null;
        }
        if (!answer.has("exit")) {
            printed(answer, 0);
        }
    }

    private static void printed(ObjectNode answer, int exit) {
        answer.put("out", toolOut.toString(StandardCharsets.UTF_8));
        answer.put("err", toolErr.toString(StandardCharsets.UTF_8));
        answer.put("exit", exit);
    }

    private interface Work {
        Object run() throws Exception;
    }

    private static void console(Work work) throws Throwable {
        Throwable[] failure = new Throwable[1];
        scala.Console.withOut(System.out, () -> scala.Console.withErr(System.err, () -> {
            try {
                work.run();
            } catch (Throwable e) {
                failure[0] = e;
            }
            return null;
        }));
        if (failure[0] != null) {
            throw failure[0];
        }
    }

    /** One consumer with its thread. */
    private static final class Worker implements Runnable {
        final String name;
        private final JsonNode request;
        private final List<String> topics = new ArrayList<>();
        private final Thread[] runner = new Thread[1];
        private volatile boolean stopping;
        private volatile Runnable wakeup = () -> { };

        Worker(JsonNode request) {
            this.request = request;
            this.name = request.path("consumer").asText();
            request.path("topics").forEach(topic -> topics.add(topic.asText()));
        }

        void stop() throws InterruptedException {
            stopping = true;
            wakeup.run();
            synchronized (runner) {
                while (runner[0] == null) {
                    runner.wait();
                }
            }
            runner[0].join();
        }

        @Override
        public void run() {
            synchronized (runner) {
                runner[0] = Thread.currentThread();
                runner.notifyAll();
            }
            Properties properties = new Properties();
            JsonNode given = request.path("properties");
            given.fieldNames().forEachRemaining(key -> properties.put(key, given.path(key).asText()));
            try {
                if (request.path("share").asBoolean()) {
                    share(properties);
                } else {
                    consume(properties);
                }
            } catch (WakeupException e) {
                // stop() has asked for it
            } catch (Throwable e) {
                boolean reflected = e instanceof InvocationTargetException && e.getCause() != null;
                ObjectNode event = event();
                event.put("error", (reflected ? e.getCause() : e).toString());
                send(event);
            }
        }

        private void consume(Properties properties) {
            try (Consumer<byte[], byte[]> consumer =
                     new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                wakeup = consumer::wakeup;
                if (request.path("assign").asBoolean()) {
                    List<TopicPartition> all = new ArrayList<>();
                    for (String topic : topics) {
                        for (PartitionInfo p : consumer.partitionsFor(topic)) {
                            all.add(new TopicPartition(topic, p.partition()));
                        }
                    }
                    consumer.assign(all);
                    assigned(all);
                } else {
                    // What the consumer itself says in these callbacks depends on the protocol.
                    List<TopicPartition> held = new ArrayList<>();
                    consumer.subscribe(topics, new ConsumerRebalanceListener() {
                        @Override
                        public void onPartitionsAssigned(Collection<TopicPartition> gained) {
                            held.addAll(gained);
                            assigned(held);
                        }

                        @Override
                        public void onPartitionsRevoked(Collection<TopicPartition> lost) {
                            held.removeAll(lost);
                            assigned(held);
                        }
                    });
                }
                while (!stopping) {
                    records(consumer.poll(Duration.ofMillis(100)));
                }
            }
        }

        /** Share consumers are reached by reflection: before 4.0 there is no such class. */
        private void share(Properties properties) throws Exception {
            Class<?> type = Class.forName("org.apache.kafka.clients.consumer.KafkaShareConsumer");
            Object consumer = type.getConstructor(Properties.class, Deserializer.class, Deserializer.class)
                .newInstance(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
            try {
                type.getMethod("subscribe", Collection.class).invoke(consumer, topics);
                Method poll = type.getMethod("poll", Duration.class);
                while (!stopping) {
                    records((ConsumerRecords<?, ?>) poll.invoke(consumer, Duration.ofMillis(100)));
                }
            } finally {
                type.getMethod("close").invoke(consumer);
            }
        }

        private ObjectNode event() {
            return JSON.createObjectNode().put("consumer", name);
        }

        private void assigned(Collection<TopicPartition> partitions) {
            ObjectNode event = event();
            ObjectNode topics = event.putObject("assigned");
            for (TopicPartition p : partitions) {
                topics.withArray(p.topic()).add(p.partition());
            }
            send(event);
        }

        private void records(ConsumerRecords<?, ?> records) {
            if (records.isEmpty()) {
                return;
            }
            ObjectNode event = event();
            ArrayNode list = event.putArray("records");
            for (ConsumerRecord<?, ?> r : records) {
                ObjectNode one = list.addObject();
                one.put("topic", r.topic());
                one.put("partition", r.partition());
                one.put("offset", r.offset());
                one.put("timestamp", r.timestamp());
                one.put("key", text(r.key()));
                one.put("value", text(r.value()));
            }
            send(event);
        }

        private static String text(Object bytes) {
            return bytes == null ? "" : new String((byte[]) bytes, StandardCharsets.UTF_8);
        }
    }
}
