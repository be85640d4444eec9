/**
 * A second reading of MIME for tests, as plain as can be: strings, recursion and no bounds. It knows the headers that
 * the tests write and nothing else. Offsets count in the latin1 text of the message.
 */
export type NaivePart = {
  type: string
  start: number
  bodyStart: number
  end: number
  parts?: NaivePart[]
  message?: NaivePart
}

export type NaiveSection = { name: string; start: number; end: number }

/** null where a multipart lies within one of the same boundary, which is not read here. */
export function readNaively(raw: string): NaivePart | null {
  try {
    return readEntity(raw, 0, raw.length, 0, 'text/plain', [])
  } catch (error) {
    if (error === sameBoundary) return null
    throw error
  }
}

const sameBoundary = new Error('the same boundary twice')

/** `lineEnd`: length of the line end before `end` that belongs to the delimiter, unless a header needs it. */
function readEntity(
  raw: string,
  start: number,
  end: number,
  lineEnd: number,
  defaultType: string,
  around: readonly string[],
): NaivePart {
  const blank = /(?:^|\n)(\r?\n)/.exec(raw.slice(start, end))
  const bodyStart = blank === null ? end : start + blank.index + blank[0].length
  const field = /^content-type *: *(.*)$/im.exec(raw.slice(start, bodyStart).replaceAll('\r', ''))?.[1]
  const [, type = 'text/plain', boundary] =
    /^([a-z]+\/[a-z0-9-]+)(?:; *boundary="([^"]*)")?$/i.exec(field ?? defaultType) ?? []
  const part = { type: type.toLowerCase(), start, bodyStart, end: Math.max(bodyStart, end - lineEnd) }
  if (part.type === 'message/rfc822') {
    const message = readEntity(raw, bodyStart, end, lineEnd, 'text/plain', around)
    return { ...part, end: message.end, message }
  }
  if (!part.type.startsWith('multipart/')) return part
  if (boundary === undefined) return { ...part, type: 'text/plain' }
  if (around.includes(boundary)) throw sameBoundary
  const inside = [...around, boundary]
  const childType = part.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
  const parts = regionsOf(raw, bodyStart, end, lineEnd, boundary).map((region) =>
    readEntity(raw, region.start, region.end, region.lineEnd, childType, inside),
  )
  part.end = Math.max(part.end, parts.at(-1)?.end ?? 0)
  if (parts.length === 0)
    parts.push({ type: 'text/plain', start: part.end, bodyStart: part.end, end: part.end })
  return { ...part, parts }
}

type Region = { start: number; end: number; lineEnd: number }

/** What lies between the delimiter lines; the last region goes to the end when the multipart is not closed. */
function regionsOf(raw: string, from: number, to: number, lineEnd: number, boundary: string): Region[] {
  const regions: Region[] = []
  let start: number | null = null
  let at = from
  for (const line of raw.slice(from, to).split(/(?<=\n)/)) {
    const text = line.replace(/[ \t\r\n]+$/, '')
    const closes = text === `--${boundary}--`
    if (closes || text === `--${boundary}`) {
      if (start !== null) {
        const before = /\r?\n$/.exec(raw.slice(start, at))?.[0].length ?? 0
        regions.push({ start, end: at, lineEnd: before })
      }
      start = at + line.length
      if (closes) return regions
    }
    at += line.length
  }
  return start === null ? regions : [...regions, { start, end: to, lineEnd }]
}

/** Every section by the name that FETCH has for it (RFC 9051 §6.4.5.1). */
export function sectionsOf(root: NaivePart): NaiveSection[] {
  return [...messageSections(root, ''), ...partSections(root, '')]
}

function messageSections(message: NaivePart, path: string): NaiveSection[] {
  const at = path === '' ? '' : `${path}.`
  return [
    { name: `${at}HEADER`, start: message.start, end: message.bodyStart },
    { name: `${at}TEXT`, start: message.bodyStart, end: message.end },
  ]
}

/** The numbered parts of a message. */
function partSections(message: NaivePart, path: string): NaiveSection[] {
  const at = path === '' ? '' : `${path}.`
  const parts = message.parts ?? [message]
  return parts.flatMap((part, index) => numbered(part, `${at}${index + 1}`))
}

function numbered(part: NaivePart, name: string): NaiveSection[] {
  const own = [
    { name, start: part.bodyStart, end: part.end },
    { name: `${name}.MIME`, start: part.start, end: part.bodyStart },
  ]
  if (part.message !== undefined) {
    return [...own, ...messageSections(part.message, name), ...partSections(part.message, name)]
  }
  return part.parts === undefined ? own : [...own, ...partSections(part, name)]
}
