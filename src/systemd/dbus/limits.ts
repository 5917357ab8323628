/**
 * Bounds on what a peer may send. The peer is not trusted: these hold memory and time down
 * whatever it does. From the D-Bus specification where it has them.
 */

/** A message with its header, in bytes. The specification allows 128 MiB; we take less. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** An array's data, in bytes ("Marshaling", ARRAY). */
export const maxArrayBytes = 64 * 1024 * 1024;

/** A signature, in bytes ("Valid Signatures"). */
export const maxSignatureBytes = 255;

/** A bus, interface, member or error name, in bytes ("Valid Names"). */
export const maxNameBytes = 255;

/** Array type codes within one another, and as many open parentheses ("Valid Signatures"). */
export const maxTypeDepth = 32;

/** Containers within one another in a message, those in variants included ("Marshaling"). */
export const maxValueDepth = 2 * maxTypeDepth;

/**
 * Values decoded from one body, containers counted too. Ours: values of little or no data
 * (`aay`, thirty parentheses around a byte) take far more memory and time than their bytes.
 */
export const maxBodyValues = 256 * 1024;

/** Fields in a header; the specification knows nine. Ours, for the time that others take. */
export const maxHeaderFields = 64;

/** A line of the authentication protocol, in bytes. The specification has no bound. */
export const maxAuthLineBytes = 16 * 1024;

/** Lines that a peer may send before it lets us in. */
export const maxAuthLines = 16;

/** Calls of ours that wait for their replies. */
export const maxPendingCalls = 4096;

/** Bytes that the stream was given to send and has not taken. Answers to a peer that calls us
 * and never reads would pile up. */
export const maxUnsentBytes = 1024 * 1024;
