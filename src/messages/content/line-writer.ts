/** Lines put together from pieces of text: white space counts once, as HTML has it, but in preformatted text. */

export type LineWriter<Place> = {
  add(text: string, place: Place): void
  /** As they stand, line ends too. */
  addPreformatted(text: string, place: Place): void
  /** Ends a line that has text. */
  endLine(): void
  /** Ends a line, an empty one too. */
  breakLine(place: Place): void
  /** The next line with text stands apart from what is above it. */
  wantBlank(): void
  readonly isAtStart: boolean
}

/** `put` takes each line with the place of its first text; an empty line between two has the place of the second. */
export function createLineWriter<Place>(put: (text: string, place: Place) => void): LineWriter<Place> {
  let line = ''
  let placeOfLine: { place: Place } | null = null
  let endsInSpace = true
  let wantsBlank = false
  let lastIsBlank = true

  const reset = (): void => {
    line = ''
    placeOfLine = null
    endsInSpace = true
  }
  const endLine = (): void => {
    const place = placeOfLine
    const text = line.replaceAll('\u00a0', ' ').trimEnd()
    reset()
    if (place === null) return
    if (isBlank(text)) {
      if (!lastIsBlank) put('', place.place)
      lastIsBlank = true
      return
    }
    if (wantsBlank && !lastIsBlank) put('', place.place)
    wantsBlank = false
    lastIsBlank = false
    put(text, place.place)
  }
  const append = (text: string, place: Place): void => {
    if (text === '') return
    placeOfLine ??= { place }
    line += text
    endsInSpace = text.endsWith(' ')
  }
  const breakLine = (place: Place): void => {
    if (placeOfLine !== null) endLine()
    else {
      if (!lastIsBlank) put('', place)
      lastIsBlank = true
    }
  }
  return {
    add: (text, place) => {
      const collapsed = text.replace(/[ \t\r\n\f]+/g, ' ')
      append(endsInSpace && collapsed.startsWith(' ') ? collapsed.slice(1) : collapsed, place)
    },
    addPreformatted: (text, place) => {
      text.split(/\r\n|\r|\n/).forEach((piece, index) => {
        if (index > 0) breakLine(place)
        append(piece, place)
      })
    },
    endLine,
    breakLine,
    wantBlank: () => {
      wantsBlank = true
    },
    get isAtStart() {
      return placeOfLine === null
    },
  }
}

/** Also of nothing but characters that are not seen. */
function isBlank(text: string): boolean {
  return /^[\s\u200b-\u200f\u2060\ufeff]*$/.test(text)
}
