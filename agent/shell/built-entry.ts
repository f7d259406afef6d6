/**
 * The file of a program that runs in a thread or process of its own. Node 20 takes no TypeScript there, so sources start
 * what was built.
 *
 * @param path below this folder, without an ending
 */
export function builtEntry(path: string): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL(`../../dist/agent/shell/${path}.js`, import.meta.url)
    : new URL(`./${path}.js`, import.meta.url)
}
