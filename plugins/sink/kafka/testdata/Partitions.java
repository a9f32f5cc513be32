import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/** Reads a number of partitions and a key in hexadecimal per line; writes the partition of the Java client. */
public class Partitions {
    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split(" ");
            byte[] key = HexFormat.of().parseHex(parts[1]);
            out.append(BuiltInPartitioner.partitionForKey(key, Integer.parseInt(parts[0]))).append('\n');
        }
        System.out.print(out);
    }
}
