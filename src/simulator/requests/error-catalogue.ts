/** HTTP status and text of an error code. The vendor promises neither; these are the documented ones. */
export interface CatalogueEntry {
  readonly status: number;
  readonly message: string;
}

/** Looks a code up; `APIG.` is the product documentation's spelling of `APIGW.` (ECS API reference notes §5.3). */
export function catalogueEntry(code: string): CatalogueEntry | undefined {
  const found = CATALOGUE[code.replace(/^APIG\./, "APIGW.")];
  return found === undefined ? undefined : { status: found[0], message: found[1] };
}

/** @internal */
export function knownCodes(): readonly string[] {
  return Object.keys(CATALOGUE);
}

const NO_PERMISSION = "The account is restricted.";

/** ECS API reference notes §5.2 (service codes), §5.3 (gateway codes), §6.1 and §5.4 (IAM codes). */
const CATALOGUE: Readonly<Record<string, readonly [status: number, message: string]>> = {
  "Ecs.0000": [400, "The request is malformed."],
  "Ecs.0001": [400, "The server quota has been used up."],
  "Ecs.0002": [400, "Failed to submit the task."],
  "Ecs.0003": [403, "You do not have permission, or your balance is insufficient."],
  "Ecs.0004": [400, "Failed to assume the role."],
  "Ecs.0005": [400, "The parameter is invalid."],
  "Ecs.0007": [400, "The image attributes are invalid."],
  "Ecs.0011": [400, "The password is too weak."],
  "Ecs.0021": [400, "The disk quota has been used up."],
  "Ecs.0023": [400, "The project in the token differs from the project in the URL."],
  "Ecs.0025": [400, "EVS is not allowed to use KMS keys."],
  "Ecs.0030": [400, "The server or the account is frozen."],
  "Ecs.0031": [400, "The image does not exist."],
  "Ecs.0032": [400, "The image is not active."],
  "Ecs.0066": [403, NO_PERMISSION],
  "Ecs.0067": [403, NO_PERMISSION],
  "Ecs.0068": [403, NO_PERMISSION],
  "Ecs.0069": [403, NO_PERMISSION],
  "Ecs.0070": [403, NO_PERMISSION],
  "Ecs.0071": [403, NO_PERMISSION],
  "Ecs.0073": [400, "The system disk is being backed up."],
  "Ecs.0090": [400, "BYOL is not supported in this region."],
  "Ecs.0100": [400, "The server state does not allow this operation."],
  "Ecs.0101": [400, "The system disk is in an abnormal state."],
  "Ecs.0102": [400, "The disk state does not allow detaching it."],
  "Ecs.0103": [400, "The disk is unavailable."],
  "Ecs.0105": [400, "The system disk cannot be found."],
  "Ecs.0110": [403, "The role does not allow this operation."],
  "Ecs.0114": [404, "The server does not exist."],
  "Ecs.0119": [400, "The encryption key is unavailable."],
  "Ecs.0122": [400, "The idempotency token was used with other parameters."],
  "Ecs.0123": [400, "The idempotency token is not a UUID."],
  "Ecs.0124": [400, "The idempotency token has expired."],
  "Ecs.0202": [400, "Failed to create the system disk."],
  "Ecs.0208": [400, "Failed to update the image metadata."],
  "Ecs.0226": [400, "Failed to start the server."],
  "Ecs.0227": [400, "Failed to restart the server."],
  "Ecs.0301": [400, "Failed to query the server."],
  "Ecs.0304": [400, "Failed to query the image."],
  "Ecs.0314": [400, "The key pair cannot be found."],
  "Ecs.0402": [400, "Failed to roll back the system disk."],
  "Ecs.0503": [400, "Failed to query the system disk."],
  "Ecs.0603": [501, "The running state of the server is unstable. Try again after 1 minute."],
  "Ecs.0605": [400, "The server is locked."],
  "Ecs.0614": [404, "The server does not exist."],
  "Ecs.0615": [500, "Internal error."],
  "Ecs.0912": [400, "The encryption attribute is invalid."],
  "Ecs.1000": [400, "Failed to access Nova."],
  "Ecs.1001": [400, "Failed to access OpenStack."],
  "Ecs.1002": [400, "Accessing OpenStack for the OS reinstall timed out."],
  "Ecs.1100": [400, "Failed to access IAM."],
  "Ecs.1200": [400, "Failed to access VPC."],
  "Ecs.1201": [400, "Accessing VPC timed out."],
  "Ecs.1300": [400, "Accessing EVS timed out."],
  "Pdp.0001": [403, "The policy does not allow this action."],
  "Common.0001": [500, "System exception."],
  "Common.0002": [400, "The request body is empty."],
  "Common.0011": [400, "The job id is invalid."],
  "Common.0013": [401, "The token is invalid."],
  "Common.0018": [400, "The token is invalid, or its project differs from the one in the URL."],
  "Common.0020": [400, "Retrying the task failed."],
  "Common.0021": [400, "A sub-job failed."],
  "Common.0022": [400, "Submitting the task failed."],
  "Common.0024": [202, "The flow limit has been exceeded."],
  "Common.0025": [400, "Querying the job failed."],
  "Common.0999": [400, "The task was terminated because the system was down."],
  "Common.1503": [503, "The API flow control limit has been exceeded."],
  "APIGW.0101": [404, "The API does not exist or has not been published in the environment"],
  "APIGW.0201": [400, "Bad request"],
  "APIGW.0202": [502, "Backend unavailable"],
  "APIGW.0203": [504, "Backend timeout"],
  "APIGW.0301": [401, "Incorrect IAM authentication information"],
  "APIGW.0302": [403, "The IAM user is not authorized to access the API"],
  "APIGW.0303": [401, "Incorrect app authentication information"],
  "APIGW.0304": [403, "The app is not authorized to access the API"],
  "APIGW.0305": [401, "Incorrect authentication information"],
  "APIGW.0306": [403, "API access denied"],
  "APIGW.0307": [401, "The token must be updated"],
  "APIGW.0308": [
    429,
    "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute",
  ],
  "APIGW.0310": [403, "The project is unavailable"],
  "APIGW.0402": [403, "The IP address is not authorized to access the API"],
  "APIGW.0601": [500, "Internal server error"],
  "APIGW.0605": [500, "Domain name resolution failed"],
  "APIGW.0606": [500, "Failed to load the API configuration"],
  "APIGW.0608": [500, "Internal server error"],
  "APIGW.0613": [503, "IAM is unavailable"],
  "APIGW.0802": [403, "The IAM user is forbidden in the currently selected region"],
  "IAM.0001": [400, "The request parameter is invalid."],
  "IAM.0012": [429, "The number of requests has reached the limit."],
  "IAM.0061": [401, "The account is locked because of too many failed logins."],
  "IAM.0062": [401, "The username or password is wrong."],
};
