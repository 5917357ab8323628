/**
 * Bounds on a peer's input, which keep memory and time bounded whatever the peer sends. They are the
 * D-Bus specification's if it has one.
 */

/** A message with its header, in bytes. The specification allows 128 MiB. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** An array's data, in bytes ("Marshaling", ARRAY). */
export const maxArrayBytes = 64 * 1024 * 1024;

/** A signature, in bytes ("Valid Signatures"). */
export const maxSignatureBytes = 255;

/** A bus, interface, member or error name, in bytes ("Valid Names"). */
export const maxNameBytes = 255;

/** Nested array types, and as many nested structs ("Valid Signatures"). */
export const maxTypeDepth = 32;

/** Nested containers in a message, those in variants included ("Marshaling"). */
export const maxValueDepth = 2 * maxTypeDepth;

/**
 * Values decoded from one body, containers included. Not in the specification: values of little or
 * no data (`aay`, thirty parentheses around a byte) cost far more memory and time than their bytes.
 */
export const maxBodyValues = 256 * 1024;

/** Fields in a header. The specification has nine, and no bound on unknown ones. */
export const maxHeaderFields = 64;

/** A line of the authentication protocol, in bytes. The specification has no bound. */
export const maxAuthLineBytes = 16 * 1024;

/** Lines that a peer may send before authentication is done. */
export const maxAuthLines = 16;

/** Pending calls. */
export const maxPendingCalls = 4096;

/** Bytes that wait to be written: a peer that calls and never reads its answers adds to them. */
export const maxUnsentBytes = 1024 * 1024;
