// fhir-kit-client from discovery to a history: node kit.mjs URL begins and tells the endpoints; with a token as the
// third word it reads, pages, and calls the operation for the patient of the fourth.
import * as kit from "fhir-kit-client";

const { Client } = kit;
const [, , baseUrl, token, patient, parameters] = process.argv;
const client = new Client({ baseUrl, ...(token ? { bearerToken: token } : {}) });
const { authorizeUrl, tokenUrl } = await client.smartAuthMetadata();
if (!token) {
  console.log(JSON.stringify({ authorize: authorizeUrl.toString(), token: tokenUrl.toString() }));
} else {
  const read = await client.read({ resourceType: "Patient", id: patient });
  const first = await client.search({
    resourceType: "MedicationDispense",
    searchParams: { patient, _count: 2 },
  });
  const second = await client.nextPage({ bundle: first });
  const history = await client.operation({
    name: "$pdmp-history",
    resourceType: "Patient",
    method: "POST",
    input: JSON.parse(parameters),
  });
  console.log(JSON.stringify({ read, first, second, history }));
}
