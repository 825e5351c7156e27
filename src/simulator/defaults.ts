/** What a simulator answers to unless told otherwise. None of these opens anything but a simulator. */

export const DEFAULT_PROJECT_ID = "0123456789abcdef0123456789abcdef";
/** The default project of a region bears the region's name (ECS API reference notes §6.1). */
export const DEFAULT_PROJECT_NAME = "eu-west-0";
export const DEFAULT_ACCESS_KEY = "SIMULATEDAK000000001";
export const DEFAULT_SECRET_KEY = "simulatedSecretKeySimulatedSecretKey0001";
export const DEFAULT_IAM_USER = "svc-reinstall";
export const DEFAULT_IAM_PASSWORD = "Simulated-Passw0rd";
export const DEFAULT_IAM_DOMAIN = "OCB0000001";
