/** When what is registered at a stand-in for a registrar ends. */

const thisYear = new Date().getUTCFullYear()

/**
 * The first of June, so many years after today's. One year on it is at least five months from now, whatever day it is, so
 * that it can be renewed.
 */
export function endOfTerm(years: number): Date {
  return new Date(Date.UTC(thisYear + years, 5, 1, 12))
}

/** As Name.com writes it. */
export function namecomText(at: Date): string {
  return at.toISOString().replace('.000', '')
}

/** As Porkbun writes it. */
export function porkbunText(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ')
}

/** Either text, so many years later. */
export function yearsLater(text: string, years: number): string {
  return `${Number(text.slice(0, 4)) + years}${text.slice(4)}`
}
