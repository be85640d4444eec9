/** Which RDAP server knows the names of a suffix: IANA's list (RFC 9224), of which a part comes with the program. */
import { listOf, request } from './http.ts'

/** The form of RFC 9224 §4: lists of suffixes, each with the servers that know their names. */
export type BootstrapServices = readonly (readonly [suffixes: readonly string[], urls: readonly string[]])[]

/** The common suffixes, for a start without the internet. */
export const bundledServices: BootstrapServices = [
  [['com'], ['https://rdap.verisign.com/com/v1/']],
  [['net'], ['https://rdap.verisign.com/net/v1/']],
  [['org'], ['https://rdap.publicinterestregistry.org/rdap/']],
  [['app', 'dev', 'page', 'how', 'new'], ['https://pubapi.registry.google/rdap/']],
  [['info', 'io', 'ai', 'live', 'email', 'agency'], ['https://rdap.identitydigital.services/rdap/']],
  [['xyz'], ['https://rdap.centralnic.com/xyz/']],
  [['uk'], ['https://rdap.nominet.uk/uk/']],
  [['fr'], ['https://rdap.nic.fr/']],
  [['nl'], ['https://rdap.sidn.nl/']],
  [['cz'], ['https://rdap.nic.cz/']],
  [['no'], ['https://rdap.norid.no/']],
  [['br'], ['https://rdap.registro.br/']],
  [['ca'], ['https://rdap.ca.fury.ca/rdap/']],
]

export type Bootstrap = {
  /** The server for a name, by its longest suffix that is listed (RFC 9224 §4); null when none is. */
  serverFor(name: string, signal: AbortSignal): Promise<string | null>
}

const refreshMs = 24 * 3600_000
const retryMs = 3600_000

/**
 * @param url where the list is; null: only what is bundled. It is read when it is needed, and again after a day; when
 *   it cannot be had, what was known before goes on.
 */
export function startBootstrap(url: string | null): Bootstrap {
  let services = byPlainSuffix(bundledServices)
  let dueAtMs = 0
  let reading: Promise<void> | null = null
  const refresh = async (from: string, signal: AbortSignal): Promise<void> => {
    try {
      const { status, json } = await request({ method: 'GET', url: from, headers: {}, signal })
      const read = byPlainSuffix(parseServices(json))
      if (status !== 200 || read.size === 0) throw new Error('the list has another form')
      services = read
      dueAtMs = performance.now() + refreshMs
    } catch {
      dueAtMs = performance.now() + retryMs
    }
  }
  return {
    async serverFor(name, signal) {
      if (url !== null && performance.now() >= dueAtMs) {
        reading ??= refresh(url, signal).finally(() => {
          reading = null
        })
        await reading
      }
      const labels = name.split('.')
      for (let at = 1; at < labels.length; at++) {
        const server = services.get(labels.slice(at).join('.'))
        if (server !== undefined) return server
      }
      return null
    },
  }
}

function byPlainSuffix(services: BootstrapServices): Map<string, string> {
  return new Map(
    services.flatMap(([suffixes, urls]) => {
      const url = urls.find((one) => one.startsWith('https:')) ?? urls[0]
      return url === undefined ? [] : suffixes.map((suffix) => [suffix.toLowerCase(), url] as const)
    }),
  )
}

function parseServices(json: unknown): BootstrapServices {
  const texts = (value: unknown): string[] =>
    Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
  return listOf(json, 'services').flatMap((service) =>
    Array.isArray(service)
      ? [[texts(service[0]), texts(service[1]).filter((url) => URL.canParse(url))] as const]
      : [],
  )
}
