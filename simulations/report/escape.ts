/** Text that others wrote, made safe to stand in a page. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** For text and for quoted attributes. Control characters, which HTML forbids, become the replacement character. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
    .replace(/(?![\n\t])\p{Cc}|\p{Cs}/gu, '\uFFFD')
}

/**
 * JSON that can stand in a `<script>`: no `<`, so that nothing in it can end the element or open a comment, and
 * none of the two line ends that older scripts do not take. Parses to the same value.
 */
export function embedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
