/** The kinds of setting that the configuration schema is made of. Each parses one variable's text. */
import { isIP } from 'node:net'

type Parsed<T> = { ok: true; value: T } | { ok: false; problem: string }

export type Setting<T> = {
  variable: string
  default: T
  /** What the reference page says of it. */
  doc: string
  /** The default and the allowed values in words, for the reference page. */
  shape: string
  isSecret: boolean
  parse: (raw: string) => Parsed<T>
  secret(): Setting<T>
}

/** A listener's port; 0 is any free port, null is a listener that is off. */
export type Port = number | null

type Fields<T> = Omit<Setting<T>, 'secret' | 'isSecret'>

function make<T>(fields: Fields<T>, isSecret = false): Setting<T> {
  return { ...fields, isSecret, secret: () => make(fields, true) }
}

const good = <T>(value: T): Parsed<T> => ({ ok: true, value })
const bad = <T>(problem: string): Parsed<T> => ({ ok: false, problem })

// RFC 1123 §2.1: letters, digits and hyphens in labels of at most 63.
const hostnamePattern =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

function text(variable: string, fallback: string, doc: string): Setting<string> {
  return make({ variable, default: fallback, doc, shape: `text, \`${fallback}\``, parse: good })
}

function optionalText(variable: string, doc: string): Setting<string | null> {
  return make<string | null>({ variable, default: null, doc, shape: 'text, none', parse: good })
}

function hostname(variable: string, fallback: string, doc: string): Setting<string> {
  const parse = (raw: string): Parsed<string> =>
    hostnamePattern.test(raw) ? good(raw.toLowerCase()) : bad('must be a host name')
  return make({ variable, default: fallback, doc, shape: `host name, \`${fallback}\``, parse })
}

function optionalHostname(variable: string, doc: string): Setting<string | null> {
  const parse = (raw: string): Parsed<string | null> =>
    hostnamePattern.test(raw) ? good(raw.toLowerCase()) : bad('must be a host name')
  return make<string | null>({ variable, default: null, doc, shape: 'host name, none', parse })
}

/** A name, or an address of either family. */
function host(variable: string, fallback: string, doc: string): Setting<string> {
  const parse = (raw: string): Parsed<string> =>
    isIP(raw) !== 0 || hostnamePattern.test(raw) ? good(raw) : bad('must be an IP address or a host name')
  return make({ variable, default: fallback, doc, shape: `address, \`${fallback}\``, parse })
}

function port(variable: string, fallback: Port, doc: string): Setting<Port> {
  const parse = (raw: string): Parsed<Port> => {
    if (raw === 'off') return good(null)
    return /^\d{1,5}$/.test(raw) && Number(raw) <= 65_535
      ? good(Number(raw))
      : bad('must be a port from 1 to 65535, 0 for any free port, or "off"')
  }
  return make({
    variable,
    default: fallback,
    doc,
    shape: `port, 0 or \`off\`, \`${fallback ?? 'off'}\``,
    parse,
  })
}

function integer(
  variable: string,
  bounds: { default: number; min: number; max: number },
  doc: string,
): Setting<number> {
  const parse = (raw: string): Parsed<number> => {
    const value = Number(raw)
    return /^\d+$/.test(raw) && value >= bounds.min && value <= bounds.max
      ? good(value)
      : bad(`must be a whole number from ${bounds.min} to ${bounds.max}`)
  }
  return make({ variable, default: bounds.default, doc, shape: `number, \`${bounds.default}\``, parse })
}

/** A number that can be turned off: then there is no such limit. */
function limit(
  variable: string,
  bounds: { default: number | null; min: number; max: number },
  doc: string,
): Setting<number | null> {
  const parse = (raw: string): Parsed<number | null> => {
    if (raw === 'off') return good(null)
    const value = Number(raw)
    return /^\d+$/.test(raw) && value >= bounds.min && value <= bounds.max
      ? good(value)
      : bad(`must be a whole number from ${bounds.min} to ${bounds.max}, or "off"`)
  }
  const shape = `number or \`off\`, \`${bounds.default ?? 'off'}\``
  return make<number | null>({ variable, default: bounds.default, doc, shape, parse })
}

function url(variable: string, protocols: readonly string[], doc: string): Setting<string | null> {
  const parse = (raw: string): Parsed<string | null> => {
    const parsed = URL.canParse(raw) ? new URL(raw) : null
    return parsed && protocols.includes(parsed.protocol)
      ? good(raw)
      : bad(`must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`)
  }
  return make<string | null>({ variable, default: null, doc, shape: 'URL, none', parse })
}

/** PostgreSQL's own form of URL, whose host may be empty (a socket directory then stands in the query). */
function postgresUrl(variable: string, doc: string): Setting<string | null> {
  const parse = (raw: string): Parsed<string | null> =>
    /^postgres(?:ql)?:\/\/[^\s/]*\/[^\s/?]/.test(raw)
      ? good(raw)
      : bad('must be as in postgresql://user:password@host:5432/database')
  return make<string | null>({ variable, default: null, doc, shape: 'URL, none', parse })
}

function ipPort(variable: string, doc: string): Setting<string | null> {
  const parse = (raw: string): Parsed<string | null> => {
    const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(raw)
    const ip = match?.[1] ?? match?.[2] ?? ''
    const number = Number(match?.[3])
    return isIP(ip) !== 0 && number >= 1 && number <= 65_535
      ? good(raw)
      : bad('must be an address and a port, as in 127.0.0.1:53 or [::1]:53')
  }
  return make<string | null>({ variable, default: null, doc, shape: '`ip:port`, none', parse })
}

/** A comma list of which each part must be of one form. */
function listOf(
  variable: string,
  form: { matches: (part: string) => boolean; shape: string; example: string },
  doc: string,
): Setting<readonly string[]> {
  const parse = (raw: string): Parsed<readonly string[]> => {
    const parts = raw.split(',').map((part) => part.trim())
    return parts.every(form.matches)
      ? good(parts)
      : bad(`must be a comma list of ${form.shape}, as in ${form.example}`)
  }
  return make<readonly string[]>({
    variable,
    default: [],
    doc,
    shape: `comma list of ${form.shape}, none`,
    parse,
  })
}

function hostnames(variable: string, doc: string): Setting<readonly string[]> {
  const form = {
    matches: (part: string) => hostnamePattern.test(part),
    shape: 'names',
    example: 'one.example,two.example',
  }
  return listOf(variable, form, doc)
}

/** Names of a list, in order; each may be for one suffix only, as in `name:de`. */
function registrars(variable: string, names: readonly string[], doc: string): Setting<readonly string[]> {
  const form = {
    matches: (part: string) => {
      const [name = '', suffix, ...rest] = part.split(':')
      return (
        names.includes(name) && rest.length === 0 && (suffix === undefined || hostnamePattern.test(suffix))
      )
    },
    shape: `\`${names.join('`, `')}\``,
    example: `${names[0]},${names[1]}:de`,
  }
  const setting = listOf(variable, form, doc)
  return make({ ...setting, default: names, shape: `comma list of ${form.shape}; all` })
}

function networks(variable: string, doc: string): Setting<readonly string[]> {
  return listOf(
    variable,
    { matches: isNetwork, shape: 'addresses and networks', example: '127.0.0.1,10.0.0.0/8' },
    doc,
  )
}

/** The internet alone, with further networks, or everything. */
function reach(variable: string, doc: string): Setting<'public' | 'any' | readonly string[]> {
  const parse = (raw: string): Parsed<'public' | 'any' | readonly string[]> => {
    if (raw === 'public' || raw === 'any') return good(raw)
    const parts = raw.split(',').map((part) => part.trim())
    return parts.every(isNetwork)
      ? good(parts)
      : bad('must be public, any, or a comma list of addresses and networks, as in 127.0.0.1,10.0.0.0/8')
  }
  const shape = '`public`, `any`, or comma list of addresses and networks; `public`'
  return make<'public' | 'any' | readonly string[]>({ variable, default: 'public', doc, shape, parse })
}

function addresses(variable: string, doc: string): Setting<readonly string[]> {
  return listOf(
    variable,
    { matches: (part) => isIP(part) !== 0, shape: 'addresses', example: '192.0.2.1,2001:db8::1' },
    doc,
  )
}

/** Ports by what they are for, as in `imaps=993`; `off`: not offered. */
function portsByName<const T extends string>(
  variable: string,
  names: readonly T[],
  doc: string,
): Setting<ReadonlyMap<T, Port>> {
  const parse = (raw: string): Parsed<ReadonlyMap<T, Port>> => {
    const found = new Map<T, Port>()
    for (const part of raw.split(',')) {
      const [, given, value = ''] = /^\s*([a-z0-9]+)=(\d{1,5}|off)\s*$/.exec(part) ?? []
      const name = names.find((one) => one === given)
      const isPort = value === 'off' || (Number(value) >= 1 && Number(value) <= 65_535)
      if (name === undefined || !isPort || found.has(name)) {
        return bad(`must be a comma list as in ${names[0]}=993, of ${names.join(', ')}`)
      }
      found.set(name, value === 'off' ? null : Number(value))
    }
    return good(found)
  }
  const shape = `comma list of \`name=port\` or \`name=off\`, names \`${names.join('`, `')}\`; none`
  return make<ReadonlyMap<T, Port>>({ variable, default: new Map(), doc, shape, parse })
}

/** What each of some hosts is for, as in `api.example.com=NAME`. The hosts are in lower case. */
function namesByHost<const T extends string>(
  variable: string,
  names: readonly T[],
  doc: string,
): Setting<ReadonlyMap<string, T>> {
  const parse = (raw: string): Parsed<ReadonlyMap<string, T>> => {
    const found = new Map<string, T>()
    for (const part of raw.split(',')) {
      const [given = '', value, ...rest] = part.trim().toLowerCase().split('=')
      const name = names.find((one) => one === value)
      if (name === undefined || rest.length > 0 || !hostnamePattern.test(given) || found.has(given)) {
        return bad(`must be a comma list as in api.example.com=${names[0]}, of ${names.join(', ')}`)
      }
      found.set(given, name)
    }
    return good(found)
  }
  const shape = `comma list of \`host=name\`, names \`${names.join('`, `')}\`; none`
  return make<ReadonlyMap<string, T>>({ variable, default: new Map(), doc, shape, parse })
}

/** An address, or one with the length of a prefix (RFC 4632 §3.1). */
function isNetwork(part: string): boolean {
  const [address = '', length, ...rest] = part.split('/')
  const bits = isIP(address) === 6 ? 128 : 32
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits)
  return isIP(address) !== 0 && rest.length === 0 && isLength
}

/** Spans of time as in `5m,30m,2h,1d`, in seconds. */
function durations(variable: string, fallback: string, doc: string): Setting<readonly number[]> {
  const parse = (raw: string): Parsed<readonly number[]> => {
    const seconds = raw.split(',').map((part) => secondsOf(part.trim()))
    return seconds.every((one) => one !== null && one > 0)
      ? good(seconds.flatMap((one) => one ?? []))
      : bad('must be a comma list of durations, as in 5m,30m,2h,1d')
  }
  const preset = parse(fallback)
  return make<readonly number[]>({
    variable,
    default: preset.ok ? preset.value : [],
    doc,
    shape: `durations, \`${fallback}\``,
    parse,
  })
}

/** One span of time, in seconds. */
function duration(variable: string, fallback: string, doc: string): Setting<number> {
  const parse = (raw: string): Parsed<number> => {
    const seconds = secondsOf(raw)
    return seconds !== null && seconds > 0 ? good(seconds) : bad('must be a duration, as in 30m or 5d')
  }
  const shape = `duration, \`${fallback}\``
  return make({ variable, default: secondsOf(fallback) ?? 0, doc, shape, parse })
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

function secondsOf(text: string): number | null {
  const match = /^(\d{1,6})([smhd])$/.exec(text)
  return match ? Number(match[1]) * (unitSeconds[match[2] ?? ''] ?? 0) : null
}

function list<const T extends string>(
  variable: string,
  allowed: readonly T[],
  doc: string,
): Setting<ReadonlySet<T>> {
  const parse = (raw: string): Parsed<ReadonlySet<T>> => {
    const names = raw.split(',').map((name) => name.trim())
    const found = names.flatMap((name) => allowed.filter((one) => one === name))
    return found.length === names.length
      ? good(new Set(found))
      : bad(`must be a comma list of ${allowed.join(', ')}`)
  }
  const shape = `comma list of \`${allowed.join('`, `')}\`; all`
  return make<ReadonlySet<T>>({ variable, default: new Set(allowed), doc, shape, parse })
}

function choice<const T extends string>(
  variable: string,
  allowed: readonly T[],
  fallback: NoInfer<T>,
  doc: string,
): Setting<T> {
  const parse = (raw: string): Parsed<T> => {
    const found = allowed.find((one) => one === raw)
    return found === undefined ? bad(`must be one of ${allowed.join(', ')}`) : good(found)
  }
  return make<T>({
    variable,
    default: fallback,
    doc,
    shape: `one of ${allowed.join(', ')}; \`${fallback}\``,
    parse,
  })
}

function flag(variable: string, doc: string): Setting<boolean> {
  const parse = (raw: string): Parsed<boolean> =>
    raw === '1' ? good(true) : raw === '0' ? good(false) : bad('must be 1 or 0')
  return make<boolean>({ variable, default: false, doc, shape: '`1` or `0`, off', parse })
}

export const setting = {
  text,
  optionalText,
  hostname,
  optionalHostname,
  host,
  port,
  integer,
  limit,
  url,
  postgresUrl,
  ipPort,
  hostnames,
  registrars,
  networks,
  reach,
  addresses,
  portsByName,
  namesByHost,
  duration,
  durations,
  list,
  choice,
  flag,
}
