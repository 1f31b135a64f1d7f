import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;

/**
 * Validates R4 resources with HL7's validator and no network: {@code Validate RESOURCES PACKAGES...}.
 *
 * <p>RESOURCES is a folder of JSON files; each PACKAGES folder is searched for conformance resources. One JSON
 * object a message goes to standard output: file, severity, id, location, text.
 */
public final class Validate {
    private static final List<String> CONFORMANCE = List.of("StructureDefinition-", "ValueSet-", "CodeSystem-");

    public static void main(String[] args) throws Exception {
        FhirContext context = FhirContext.forR4();
        IParser parser = context.newJsonParser();
        PrePopulatedValidationSupport packages = new PrePopulatedValidationSupport(context);
        for (int i = 1; i < args.length; i++) {
            for (Path file : files(Path.of(args[i]))) {
                if (CONFORMANCE.stream().anyMatch(file.getFileName().toString()::startsWith)) {
                    packages.addResource((IBaseResource) parser.parseResource(read(file)));
                }
            }
        }
        UnknownCodeSystemWarningValidationSupport unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(
                ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity.WARNING);
        FhirInstanceValidator instances = new FhirInstanceValidator(new ValidationSupportChain(
                packages,
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context),
                unknown));
        instances.setAnyExtensionsAllowed(false);
        FhirValidator validator = context.newValidator().registerValidatorModule(instances);
        for (Path file : files(Path.of(args[0]))) {
            for (SingleValidationMessage message : validator.validateWithResult(read(file)).getMessages()) {
                JsonObject line = new JsonObject();
                line.addProperty("file", file.getFileName().toString());
                line.addProperty("severity", message.getSeverity().getCode());
                line.addProperty("id", message.getMessageId());
                line.addProperty("location", message.getLocationString());
                line.addProperty("text", message.getMessage());
                System.out.println(line);
            }
        }
    }

    private static List<Path> files(Path folder) throws Exception {
        try (Stream<Path> found = Files.walk(folder)) {
            return found.filter(path -> path.toString().endsWith(".json")).sorted().toList();
        }
    }

    private static String read(Path file) throws Exception {
        return Files.readString(file, StandardCharsets.UTF_8);
    }
}
