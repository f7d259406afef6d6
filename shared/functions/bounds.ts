/** Bounds of functions. They stand apart from the schemas, so that a thread need not load those. */

/** Names that a handler may have. */
export const FUNCTION_NAME_PATTERN = '^[A-Za-z_$][A-Za-z0-9_$.-]{0,63}$'
/** Handlers of one module. */
export const FUNCTIONS_MAX = 256
/** Bytes of JSON, in UTF-8, that the value may take that a function returns. */
export const VALUE_JSON_BYTES_MAX = 48 * 1024
/** Bytes of JSON that one word of progress may take. */
export const PROGRESS_JSON_BYTES_MAX = 1024
