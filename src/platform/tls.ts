/**
 * The certificates that the listeners show. Without a name the default one: the configured files, else that of the
 * platform's own name, else a generated one. With a name (RFC 6066 §3) the one that was signed for it.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import { createCache } from './cache.ts'
import type { Config } from './config.ts'
import { loadOrCreateCertificate } from './self-signed-certificate.ts'

export type TlsMaterial = { keyPem: string; certPem: string }

/** Finds a certificate by name; the first of the names that has one counts. */
export type FindCertificate = (names: readonly string[]) => Promise<TlsMaterial | null>

/** What a TLS server needs for each handshake. */
export type TlsContexts = {
  /** The default certificate's, as it is now. */
  readonly secureContext: SecureContext
  /** For the options of node:tls; a name without a certificate of its own gets the default one. */
  SNICallback(serverName: string, done: (error: Error | null, context?: SecureContext) => void): void
}

/** Its own `keyPem` and `certPem` are the default ones, as they are now. */
export type TlsStore = TlsContexts &
  Readonly<TlsMaterial> & {
    /** Called when the default certificate has become another. @returns the way to stop. */
    onDefaultChanged(listener: () => void): () => void
    /** Reads everything anew. A default that cannot be read stays as it was. Never rejects. */
    refresh(): Promise<void>
    /** Refreshes when the configured files have changed. Never rejects. */
    refreshIfFilesChanged(): Promise<void>
  }

export type TlsOptions = {
  find?: FindCertificate
  /** Told of what could not be read after the start. */
  onError?: (error: unknown) => void
}

const cachedMax = 1_000
const cacheTtlMs = 10 * 60_000

/** @throws with one clear sentence when the configured files cannot be read or do not belong together. */
export async function loadTls(config: Config, now: Date, options: TlsOptions = {}): Promise<TlsStore> {
  const { find = async () => null, onError = () => undefined } = options
  let current = await readDefault(config, now, find)
  let fileTimes = await fileTimesOf(config)
  let refreshing: Promise<void> = Promise.resolve()
  const byName = createCache<{ context: SecureContext | null }>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  const listeners = new Set<() => void>()

  const contextOf = async (serverName: string): Promise<SecureContext> => {
    const name = serverName.toLowerCase().replace(/\.$/, '')
    const found = await byName.load(name, async () => {
      const material = isHostName(name) ? await find([name, wildcardOf(name)]) : null
      return { context: material === null ? null : contextFor(material) }
    })
    return found?.context ?? current.context
  }
  const refreshNow = async (): Promise<void> => {
    byName.clear()
    try {
      const next = await readDefault(config, now, find)
      if (next.material.certPem === current.material.certPem) return
      current = next
      for (const listener of listeners) listener()
    } catch (error) {
      onError(error)
    }
  }
  const store: TlsStore = {
    get secureContext() {
      return current.context
    },
    get keyPem() {
      return current.material.keyPem
    },
    get certPem() {
      return current.material.certPem
    },
    SNICallback(serverName, done) {
      contextOf(serverName).then(
        (context) => done(null, context),
        (error: unknown) => {
          onError(error)
          done(null, current.context) // a wrong name is better for a client than no answer
        },
      )
    },
    onDefaultChanged(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    refresh() {
      refreshing = refreshing.then(refreshNow)
      return refreshing
    },
    async refreshIfFilesChanged() {
      const times = await fileTimesOf(config)
      if (times === fileTimes) return
      fileTimes = times
      await store.refresh()
    },
  }
  return store
}

type Default = { material: TlsMaterial; context: SecureContext }

async function readDefault(config: Config, now: Date, find: FindCertificate): Promise<Default> {
  const material =
    (await configuredFiles(config)) ??
    (await find([config.hostname.toLowerCase()])) ??
    (await loadOrCreateCertificate({
      directory: join(config.dataDir, 'tls'),
      hostname: config.hostname,
      now,
    }))
  return { material, context: contextFor(material) }
}

async function configuredFiles(config: Config): Promise<TlsMaterial | null> {
  if (config.tlsCertFile === null || config.tlsKeyFile === null) return null
  try {
    const [certPem, keyPem] = await Promise.all([
      readFile(config.tlsCertFile, 'utf8'),
      readFile(config.tlsKeyFile, 'utf8'),
    ])
    contextFor({ certPem, keyPem })
    return { certPem, keyPem }
  } catch (cause) {
    throw new Error(`the TLS certificate ${config.tlsCertFile} and its key cannot be used`, { cause })
  }
}

/** When the configured files were written, as one text; a file that is away for a moment has no time. */
async function fileTimesOf({ tlsCertFile, tlsKeyFile }: Config): Promise<string> {
  const times = [tlsCertFile, tlsKeyFile].map(async (path) => {
    const found = path === null ? null : await stat(path).catch(() => null)
    return found === null ? '-' : `${found.mtimeMs} ${found.ino}`
  })
  return (await Promise.all(times)).join()
}

function contextFor({ keyPem, certPem }: TlsMaterial): SecureContext {
  return createSecureContext({ key: keyPem, cert: certPem, minVersion: 'TLSv1.2' }) // RFC 8996
}

function isHostName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(name)
}

/** RFC 6125 §6.4.3: a wildcard stands for one label, the first. */
function wildcardOf(name: string): string {
  return `*${name.slice(name.indexOf('.'))}`
}
