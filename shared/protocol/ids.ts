/**
 * Ids name meshes, devices and tasks. They stand in MQTT topics, file names and log lines, so they hold
 * nothing that any of those treats as special: no slash, dot, space, `+` or `#`.
 */
export const ID_CHARS_MAX = 64
export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'

const id = new RegExp(ID_PATTERN)

/** True when `text` is a well-formed id. */
export function isId(text: string): boolean {
  return id.test(text)
}
