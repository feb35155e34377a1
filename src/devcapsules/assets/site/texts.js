// The texts of the author's pages, by their English form, in German and in Dutch.
const TEXTS = {
  "To the content": ["Zum Inhalt", "Naar de inhoud"],
  "Pages": ["Seiten", "Pagina's"],
  "Language of these pages": ["Sprache dieser Seiten", "Taal van deze pagina's"],
  "Capsules": ["Kapseln", "Capsules"],
  "Generate": ["Erzeugen", "Genereren"],
  "Keys": ["Schlüssel", "Sleutels"],
  "Log out": ["Abmelden", "Uitloggen"],
  "Log in": ["Anmelden", "Inloggen"],
  "New here?": ["Neu hier?", "Nieuw hier?"],
  "Register": ["Registrieren", "Registreren"],
  "E-mail": ["E-Mail", "E-mail"],
  "Password": ["Passwort", "Wachtwoord"],
  "Your name, as others see it": ["Dein Name, wie andere ihn sehen", "Je naam, zoals anderen die zien"],
  "See your mail: its link creates the account.": ["Sieh in deine Mail: ihr Link legt das Konto an.", "Kijk in je mail: de link maakt het account aan."],
  "The service was not reached; try again.": ["Der Dienst ist nicht erreichbar; versuche es noch einmal.", "De dienst is niet bereikbaar; probeer het opnieuw."],
  "Your capsules": ["Deine Kapseln", "Je capsules"],
  "Write one": ["Eine schreiben", "Er een schrijven"],
  "Generate one": ["Eine erzeugen", "Er een genereren"],
  "There are none yet.": ["Es gibt noch keine.", "Er zijn er nog geen."],
  "Capsule": ["Kapsel", "Capsule"],
  "Is": ["Ist", "Is"],
  "Views": ["Aufrufe", "Weergaven"],
  "Tries": ["Versuche", "Pogingen"],
  "Solved": ["Gelöst", "Opgelost"],
  "A new capsule": ["Eine neue Kapsel", "Een nieuwe capsule"],
  "Save": ["Speichern", "Opslaan"],
  "Saved.": ["Gespeichert.", "Opgeslagen."],
  "Title": ["Titel", "Titel"],
  "Language": ["Sprache", "Taal"],
  "Statement, in Markdown": ["Aufgabe, in Markdown", "Opgave, in Markdown"],
  "Function": ["Funktion", "Functie"],
  "Starter": ["Anfang", "Begin"],
  "Solution": ["Lösung", "Oplossing"],
  "Tests, as JSON": ["Tests, als JSON", "Tests, als JSON"],
  "The tests are no JSON: {reason}": ["Die Tests sind kein JSON: {reason}", "De tests zijn geen JSON: {reason}"],
  "Hints, one a line": ["Hinweise, einer je Zeile", "Hints, één per regel"],
  "Tags": ["Schlagwörter", "Labels"],
  "Difficulty": ["Schwierigkeit", "Moeilijkheid"],
  "easy": ["leicht", "makkelijk"],
  "medium": ["mittel", "gemiddeld"],
  "hard": ["schwer", "moeilijk"],
  "Who may read it": ["Wer sie lesen darf", "Wie hem mag lezen"],
  "private": ["privat", "privé"],
  "unlisted": ["nicht gelistet", "niet vermeld"],
  "public": ["öffentlich", "openbaar"],
  "Milliseconds for each test": ["Millisekunden je Test", "Milliseconden per test"],
  "Tries before the solution": ["Versuche bis zur Lösung", "Pogingen tot de oplossing"],
  "As a learner reads it": ["Wie Lernende sie lesen", "Zoals een leerling hem leest"],
  "Try it": ["Ausprobieren", "Uitproberen"],
  "Code": ["Code", "Code"],
  "Run the tests": ["Tests ausführen", "Tests uitvoeren"],
  "Running …": ["Läuft …", "Bezig …"],
  "{n} of {total} tests passed.": ["{n} von {total} Tests bestanden.", "{n} van {total} tests geslaagd."],
  ", expected {expected}, got {actual}": [", erwartet {expected}, bekommen {actual}", ", verwacht {expected}, gekregen {actual}"],
  "ok": ["bestanden", "geslaagd"],
  "wrong": ["falsch", "fout"],
  "exception": ["Ausnahme", "exceptie"],
  "time": ["Zeit", "tijd"],
  "memory": ["Speicher", "geheugen"],
  "output": ["Ausgabe", "uitvoer"],
  "crashed": ["abgestürzt", "gecrasht"],
  "refused": ["abgelehnt", "geweigerd"],
  "not_run": ["nicht ausgeführt", "niet uitgevoerd"],
  "unavailable": ["nicht verfügbar", "niet beschikbaar"],
  "Delete the capsule": ["Kapsel löschen", "Capsule verwijderen"],
  "Delete “{title}”?": ["„{title}“ löschen?", "“{title}” verwijderen?"],
  "Embed it": ["Einbetten", "Insluiten"],
  "The last 30 days": ["Die letzten 30 Tage", "De laatste 30 dagen"],
  "{views} views, {attempts} tries, {completions} times solved in all": ["insgesamt {views} Aufrufe, {attempts} Versuche, {completions} Mal gelöst", "in totaal {views} weergaven, {attempts} pogingen, {completions} keer opgelost"],
  "Tries by day: {days}": ["Versuche nach Tag: {days}", "Pogingen per dag: {days}"],
  "none": ["keine", "geen"],
  "Generate a capsule": ["Eine Kapsel erzeugen", "Een capsule genereren"],
  "What is it about?": ["Worum geht es?", "Waar gaat het over?"],
  "Look at it": ["Ansehen", "Bekijken"],
  " (round {rounds})": [" (Runde {rounds})", " (ronde {rounds})"],
  " Quality {score} of 100: {parts}": [" Güte {score} von 100: {parts}", " Kwaliteit {score} van 100: {parts}"],
  "queued": ["in der Warteschlange", "in de wachtrij"],
  "running": ["läuft", "bezig"],
  "succeeded": ["gelungen", "gelukt"],
  "failed": ["misslungen", "mislukt"],
  "dead": ["aufgegeben", "opgegeven"],
  "the model writes": ["das Modell schreibt", "het model schrijft"],
  "the draft is tested": ["der Entwurf wird getestet", "het ontwerp wordt getest"],
  "tests": ["Tests", "tests"],
  "hidden": ["verdeckte Tests", "verborgen tests"],
  "mutants": ["Mutanten", "mutanten"],
  "statement": ["Aufgabe", "opgave"],
  "hints": ["Hinweise", "hints"],
  "rounds": ["Runden", "rondes"],
  "Make a key": ["Schlüssel anlegen", "Sleutel maken"],
  "Name": ["Name", "Naam"],
  "Origins of pages that embed": ["Herkünfte der einbettenden Seiten", "Herkomst van de pagina's die insluiten"],
  "Copy it now, it is shown this once: {secret}": ["Kopiere ihn jetzt, er wird nur dieses eine Mal gezeigt: {secret}", "Kopieer hem nu, hij wordt alleen deze keer getoond: {secret}"],
  "Revoke": ["Widerrufen", "Intrekken"],
  "Revoke {name}": ["{name} widerrufen", "{name} intrekken"],
  "{name} ({prefix}…) for {origins} ": ["{name} ({prefix}…) für {origins} ", "{name} ({prefix}…) voor {origins} "],
  "no page": ["keine Seite", "geen pagina"],
  "unlimited": ["unbegrenzt", "onbeperkt"],
  "Plan {plan}: {calls} of {most} calls and {generations} of {mostGenerations} generations today.": ["Plan {plan}: heute {calls} von {most} Aufrufen und {generations} von {mostGenerations} Erzeugungen.", "Abonnement {plan}: vandaag {calls} van {most} aanroepen en {generations} van {mostGenerations} generaties."],
};

export const LANGUAGES = { en: "English", de: "Deutsch", nl: "Nederlands" };
const PLACES = { de: 0, nl: 1 };
let language = null; // of this page, where the browser stores nothing

// The language that the address, an earlier choice or the browser names.
export function chosen() {
  if (language) return language;
  const names = [new URLSearchParams(location.search).get("lang"), stored(), ...(navigator.languages ?? [])];
  const known = names.map((name) => (name ?? "").slice(0, 2).toLowerCase()).find((name) => Object.hasOwn(LANGUAGES, name));
  language = known ?? "en";
  return language;
}

export function choose(name) {
  language = Object.hasOwn(LANGUAGES, name) ? name : "en";
  try {
    localStorage.setItem("language", language);
  } catch { /* nothing is stored for this page */ }
}

function stored() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null;
  }
}

// A text in the chosen language, with {names} replaced; what has no translation stays as it is.
export function t(text, values = {}) {
  const translated = Object.hasOwn(TEXTS, text) ? TEXTS[text][PLACES[chosen()]] ?? text : text;
  return translated.replace(/{(\w+)}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
}
