/** The part of the WebAssembly API that is used here: the types of Node 20 leave it out. */

export interface WasmModule {
  readonly brand?: 'module'
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>
}

export interface WasmMemory {
  /** Another one after each growth. */
  readonly buffer: ArrayBuffer
}

interface Engine {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule
    imports(module: WasmModule): { readonly module: string; readonly name: string; readonly kind: string }[]
    exports(module: WasmModule): { readonly name: string; readonly kind: string }[]
  }
  readonly Instance: new (module: WasmModule, imports: Readonly<Record<string, object>>) => WasmInstance
  readonly RuntimeError: new () => Error
}

export const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: Engine }
