-- Twenty exercises in two languages, by an author who cannot log in, so that a new service has something to show.

INSERT INTO users (id, email, email_key, created_at, updated_at, name, plan) VALUES ('demonstration', 'demonstration@example.org', 'demonstration@example.org', '2026-01-01 12:00:00', '2026-01-01 12:00:00', 'DevCapsules', 'free') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_leap', 'demonstration', 'Leap years', 'python', 'easy', 'public', '["numbers","logic"]', 'leap years
numbers logic
tell whether `year` is a leap year of the gregorian calendar.

a year is one if 4 divides it, unless 100 divides it too; a year that 400 divides is one all the same. for example `is_leap(1996)` is true, and `is_leap(1900)` is false.', 2000, 3, 1, '2026-01-01 12:00:00', '2026-01-01 12:00:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_leap', 1, 'Leap years', 'Tell whether `year` is a leap year of the Gregorian calendar.

A year is one if 4 divides it, unless 100 divides it too; a year that 400 divides is one all the same. For example `is_leap(1996)` is true, and `is_leap(1900)` is false.', 'def is_leap(year):
    pass
', 'is_leap', '[{"name":"not divisible by 4","arguments":[2015],"expected":false},{"name":"divisible by 4","arguments":[1996],"expected":true},{"name":"divisible by 100","arguments":[1900],"expected":false},{"name":"divisible by 400","arguments":[2000],"expected":true}]', 2, 2, '2026-01-01 12:00:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_leap', 1, 'def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
', '[{"name":"not divisible by 4","arguments":[2015],"expected":false,"hidden":false,"tolerance":null},{"name":"divisible by 4","arguments":[1996],"expected":true,"hidden":false,"tolerance":null},{"name":"divisible by 100","arguments":[1900],"expected":false,"hidden":false,"tolerance":null},{"name":"divisible by 400","arguments":[2000],"expected":true,"hidden":false,"tolerance":null},{"name":"far past","arguments":[1600],"expected":true,"hidden":true,"tolerance":null},{"name":"next century","arguments":[2100],"expected":false,"hidden":true,"tolerance":null}]', '["The remainder operator is `%`.","Ask the three rules from the rarest to the commonest."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_bob', 'demonstration', 'Reverse words', 'python', 'easy', 'public', '["texts"]', 'reverse words
texts
return `text` with its words in the opposite order, one blank between them.

words are what stands between blanks. `reverse_words(''good  morning'')` is `''morning good''`.', 2000, 3, 1, '2026-01-01 12:01:00', '2026-01-01 12:01:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_bob', 1, 'Reverse words', 'Return `text` with its words in the opposite order, one blank between them.

Words are what stands between blanks. `reverse_words(''good  morning'')` is `''morning good''`.', 'def reverse_words(text):
    pass
', 'reverse_words', '[{"name":"two words","arguments":["good morning"],"expected":"morning good"},{"name":"several blanks","arguments":["  a  b "],"expected":"b a"},{"name":"one word","arguments":["hello"],"expected":"hello"}]', 2, 2, '2026-01-01 12:01:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_bob', 1, 'def reverse_words(text):
    return '' ''.join(reversed(text.split()))
', '[{"name":"two words","arguments":["good morning"],"expected":"morning good","hidden":false,"tolerance":null},{"name":"several blanks","arguments":["  a  b "],"expected":"b a","hidden":false,"tolerance":null},{"name":"one word","arguments":["hello"],"expected":"hello","hidden":false,"tolerance":null},{"name":"nothing","arguments":[""],"expected":"","hidden":true,"tolerance":null},{"name":"a sentence","arguments":["to be or not"],"expected":"not or be to","hidden":true,"tolerance":null}]', '["A text knows how to take itself apart.","`reversed` walks a list from its end."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_two_sum', 'demonstration', 'Two numbers with a sum', 'python', 'medium', 'public', '["lists"]', 'two numbers with a sum
lists
return the indexes of two different items of `numbers` whose sum is `target`, the smaller index first, or `none` where there are none.

where several pairs fit, return the one whose second index is the smallest. `two_sum([2, 7, 11], 9)` is `[0, 1]`.', 2000, 3, 1, '2026-01-01 12:02:00', '2026-01-01 12:02:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_two_sum', 1, 'Two numbers with a sum', 'Return the indexes of two different items of `numbers` whose sum is `target`, the smaller index first, or `None` where there are none.

Where several pairs fit, return the one whose second index is the smallest. `two_sum([2, 7, 11], 9)` is `[0, 1]`.', 'def two_sum(numbers, target):
    pass
', 'two_sum', '[{"name":"at the beginning","arguments":[[2,7,11],9],"expected":[0,1]},{"name":"at the end","arguments":[[1,5,3,8],11],"expected":[2,3]},{"name":"none","arguments":[[1,2,3],7],"expected":null}]', 2, 3, '2026-01-01 12:02:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_two_sum', 1, 'def two_sum(numbers, target):
    seen = {}
    for index, number in enumerate(numbers):
        if target - number in seen:
            return [seen[target - number], index]
        seen.setdefault(number, index)
    return None
', '[{"name":"at the beginning","arguments":[[2,7,11],9],"expected":[0,1],"hidden":false,"tolerance":null},{"name":"at the end","arguments":[[1,5,3,8],11],"expected":[2,3],"hidden":false,"tolerance":null},{"name":"none","arguments":[[1,2,3],7],"expected":null,"hidden":false,"tolerance":null},{"name":"not one item twice","arguments":[[4,1],8],"expected":null,"hidden":true,"tolerance":null},{"name":"equal items","arguments":[[3,3],6],"expected":[0,1],"hidden":true,"tolerance":null},{"name":"negative","arguments":[[-5,2,9,5],0],"expected":[0,3],"hidden":true,"tolerance":null}]', '["Two loops work, and one is enough.","Remember each number with its index while you walk."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_roman', 'demonstration', 'Roman numerals', 'python', 'medium', 'public', '["texts","numbers"]', 'roman numerals
texts numbers
return a number from 1 to 3999 in roman numerals.

i is 1, v 5, x 10, l 50, c 100, d 500, m 1000. `to_roman(4)` is `''iv''`, and `to_roman(1990)` is `''mcmxc''`.', 2000, 3, 1, '2026-01-01 12:03:00', '2026-01-01 12:03:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_roman', 1, 'Roman numerals', 'Return a number from 1 to 3999 in Roman numerals.

I is 1, V 5, X 10, L 50, C 100, D 500, M 1000. `to_roman(4)` is `''IV''`, and `to_roman(1990)` is `''MCMXC''`.', 'def to_roman(number):
    pass
', 'to_roman', '[{"name":"three","arguments":[3],"expected":"III"},{"name":"four","arguments":[4],"expected":"IV"},{"name":"nineteen ninety","arguments":[1990],"expected":"MCMXC"}]', 2, 3, '2026-01-01 12:03:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_roman', 1, 'SIGNS = [(1000, ''M''), (900, ''CM''), (500, ''D''), (400, ''CD''), (100, ''C''), (90, ''XC''), (50, ''L''), (40, ''XL''), (10, ''X''), (9, ''IX''), (5, ''V''), (4, ''IV''), (1, ''I'')]


def to_roman(number):
    text = ''''
    for value, sign in SIGNS:
        while number >= value:
            text += sign
            number -= value
    return text
', '[{"name":"three","arguments":[3],"expected":"III","hidden":false,"tolerance":null},{"name":"four","arguments":[4],"expected":"IV","hidden":false,"tolerance":null},{"name":"nineteen ninety","arguments":[1990],"expected":"MCMXC","hidden":false,"tolerance":null},{"name":"largest","arguments":[3999],"expected":"MMMCMXCIX","hidden":true,"tolerance":null},{"name":"fourty-four","arguments":[44],"expected":"XLIV","hidden":true,"tolerance":null},{"name":"twenty-nine","arguments":[2024],"expected":"MMXXIV","hidden":true,"tolerance":null}]', '["Treat CM, CD, XC, XL, IX and IV as signs of their own.","Take the largest sign that fits, again and again."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_anagrams', 'demonstration', 'Anagrams', 'python', 'easy', 'public', '["texts","lists"]', 'anagrams
texts lists
return those of `candidates` that are anagrams of `word`, in their order.

case does not count, and no word is an anagram of itself. `anagrams(''listen'', [''silent'', ''banana''])` is `[''silent'']`.', 2000, 3, 1, '2026-01-01 12:04:00', '2026-01-01 12:04:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_anagrams', 1, 'Anagrams', 'Return those of `candidates` that are anagrams of `word`, in their order.

Case does not count, and no word is an anagram of itself. `anagrams(''listen'', [''Silent'', ''banana''])` is `[''Silent'']`.', 'def anagrams(word, candidates):
    pass
', 'anagrams', '[{"name":"one","arguments":["listen",["Silent","banana"]],"expected":["Silent"]},{"name":"none","arguments":["hello",["world"]],"expected":[]},{"name":"itself","arguments":["Banana",["BANANA","nabana"]],"expected":["nabana"]}]', 2, 2, '2026-01-01 12:04:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_anagrams', 1, 'def anagrams(word, candidates):
    low = word.lower()
    return [one for one in candidates if one.lower() != low and sorted(one.lower()) == sorted(low)]
', '[{"name":"one","arguments":["listen",["Silent","banana"]],"expected":["Silent"],"hidden":false,"tolerance":null},{"name":"none","arguments":["hello",["world"]],"expected":[],"hidden":false,"tolerance":null},{"name":"itself","arguments":["Banana",["BANANA","nabana"]],"expected":["nabana"],"hidden":false,"tolerance":null},{"name":"letters count","arguments":["tapper",["patter"]],"expected":[],"hidden":true,"tolerance":null},{"name":"two","arguments":["master",["stream","pigeon","maters"]],"expected":["stream","maters"],"hidden":true,"tolerance":null}]', '["Two words are anagrams if their letters, sorted, are the same.","Compare in lower case."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_mean', 'demonstration', 'Mean and median', 'python', 'easy', 'public', '["numbers","lists"]', 'mean and median
numbers lists
return the mean and the median of a list of numbers, as a list of two.

the median of an even number of values is the mean of the two in the middle; of no numbers, return `none`. `middle([1, 2, 6])` is `[3, 2]`.', 2000, 3, 1, '2026-01-01 12:05:00', '2026-01-01 12:05:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_mean', 1, 'Mean and median', 'Return the mean and the median of a list of numbers, as a list of two.

The median of an even number of values is the mean of the two in the middle; of no numbers, return `None`. `middle([1, 2, 6])` is `[3, 2]`.', 'def middle(numbers):
    pass
', 'middle', '[{"name":"three","arguments":[[1,2,6]],"expected":[3,2]},{"name":"four","arguments":[[4,1,3,2]],"expected":[2.5,2.5]},{"name":"one","arguments":[[7]],"expected":[7,7]}]', 2, 3, '2026-01-01 12:05:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_mean', 1, 'def middle(numbers):
    if not numbers:
        return None
    ordered = sorted(numbers)
    half = len(ordered) // 2
    median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    return [sum(numbers) / len(numbers), median]
', '[{"name":"three","arguments":[[1,2,6]],"expected":[3,2],"hidden":false,"tolerance":null},{"name":"four","arguments":[[4,1,3,2]],"expected":[2.5,2.5],"hidden":false,"tolerance":null},{"name":"one","arguments":[[7]],"expected":[7,7],"hidden":false,"tolerance":null},{"name":"none","arguments":[[]],"expected":null,"hidden":true,"tolerance":null},{"name":"unsorted","arguments":[[9,1,5]],"expected":[5,5],"hidden":true,"tolerance":null},{"name":"fractions","arguments":[[0.1,0.2,0.6]],"expected":[0.3,0.2],"hidden":true,"tolerance":1e-6}]', '["Sort a copy before you look for the middle.","`//` divides and drops the rest."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_rle', 'demonstration', 'Run-length encoding', 'python', 'medium', 'public', '["texts"]', 'run-length encoding
texts
shorten runs of equal characters: a run of two or more becomes its length and the character.

`encode(''aaab'')` is `''3ab''`; the empty text stays empty.', 2000, 3, 1, '2026-01-01 12:06:00', '2026-01-01 12:06:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_rle', 1, 'Run-length encoding', 'Shorten runs of equal characters: a run of two or more becomes its length and the character.

`encode(''aaab'')` is `''3ab''`; the empty text stays empty.', 'def encode(text):
    pass
', 'encode', '[{"name":"a run","arguments":["aaab"],"expected":"3ab"},{"name":"no run","arguments":["abc"],"expected":"abc"},{"name":"empty","arguments":[""],"expected":""}]', 2, 3, '2026-01-01 12:06:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_rle', 1, 'from itertools import groupby


def encode(text):
    runs = [(mark, len(list(group))) for mark, group in groupby(text)]
    return ''''.join(mark if size == 1 else f''{size}{mark}'' for mark, size in runs)
', '[{"name":"a run","arguments":["aaab"],"expected":"3ab","hidden":false,"tolerance":null},{"name":"no run","arguments":["abc"],"expected":"abc","hidden":false,"tolerance":null},{"name":"empty","arguments":[""],"expected":"","hidden":false,"tolerance":null},{"name":"blanks","arguments":["  a"],"expected":"2 a","hidden":true,"tolerance":null},{"name":"long","arguments":["zzzzzzzzzzzz"],"expected":"12z","hidden":true,"tolerance":null},{"name":"twice","arguments":["aabaa"],"expected":"2ab2a","hidden":true,"tolerance":null}]', '["`itertools.groupby` finds runs.","A run of one has no number."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_brackets', 'demonstration', 'Matching brackets', 'python', 'medium', 'public', '["texts","stacks"]', 'matching brackets
texts stacks
tell whether all round, square and curly brackets of `text` are closed in the right order.

other characters do not count. `balanced(''a(b[c])'')` is true, `balanced(''(]'')` is not.', 2000, 3, 1, '2026-01-01 12:07:00', '2026-01-01 12:07:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_brackets', 1, 'Matching brackets', 'Tell whether all round, square and curly brackets of `text` are closed in the right order.

Other characters do not count. `balanced(''a(b[c])'')` is true, `balanced(''(]'')` is not.', 'def balanced(text):
    pass
', 'balanced', '[{"name":"nested","arguments":["a(b[c])"],"expected":true},{"name":"crossed","arguments":["(]"],"expected":false},{"name":"open","arguments":["(("],"expected":false}]', 2, 4, '2026-01-01 12:07:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_brackets', 1, 'PAIRS = {'')'': ''('', '']'': ''['', ''}'': ''{''}


def balanced(text):
    waiting = []
    for mark in text:
        if mark in PAIRS.values():
            waiting.append(mark)
        elif mark in PAIRS and (not waiting or waiting.pop() != PAIRS[mark]):
            return False
    return not waiting
', '[{"name":"nested","arguments":["a(b[c])"],"expected":true,"hidden":false,"tolerance":null},{"name":"crossed","arguments":["(]"],"expected":false,"hidden":false,"tolerance":null},{"name":"open","arguments":["(("],"expected":false,"hidden":false,"tolerance":null},{"name":"empty","arguments":[""],"expected":true,"hidden":true,"tolerance":null},{"name":"closes nothing","arguments":[")"],"expected":false,"hidden":true,"tolerance":null},{"name":"curly","arguments":["{[()]}{}"],"expected":true,"hidden":true,"tolerance":null},{"name":"order","arguments":["([)]"],"expected":false,"hidden":true,"tolerance":null}]', '["Remember the brackets that are open.","The last that was opened is the first that is closed."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_primes', 'demonstration', 'Primes below a number', 'python', 'easy', 'public', '["numbers"]', 'primes below a number
numbers
return all prime numbers below `limit`, in order.

a prime has no divisors but 1 and itself; 1 is none. `primes_below(10)` is `[2, 3, 5, 7]`.', 2000, 3, 1, '2026-01-01 12:08:00', '2026-01-01 12:08:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_primes', 1, 'Primes below a number', 'Return all prime numbers below `limit`, in order.

A prime has no divisors but 1 and itself; 1 is none. `primes_below(10)` is `[2, 3, 5, 7]`.', 'def primes_below(limit):
    pass
', 'primes_below', '[{"name":"ten","arguments":[10],"expected":[2,3,5,7]},{"name":"none","arguments":[2],"expected":[]},{"name":"not itself","arguments":[7],"expected":[2,3,5]}]', 2, 3, '2026-01-01 12:08:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_primes', 1, 'def primes_below(limit):
    return [n for n in range(2, limit) if all(n % d for d in range(2, int(n**0.5) + 1))]
', '[{"name":"ten","arguments":[10],"expected":[2,3,5,7],"hidden":false,"tolerance":null},{"name":"none","arguments":[2],"expected":[],"hidden":false,"tolerance":null},{"name":"not itself","arguments":[7],"expected":[2,3,5],"hidden":false,"tolerance":null},{"name":"thirty","arguments":[30],"expected":[2,3,5,7,11,13,17,19,23,29],"hidden":true,"tolerance":null},{"name":"negative","arguments":[-5],"expected":[],"hidden":true,"tolerance":null},{"name":"squares","arguments":[26],"expected":[2,3,5,7,11,13,17,19,23],"hidden":true,"tolerance":null}]', '["Try the divisors up to the root.","`all` ends at the first that divides."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_flatten', 'demonstration', 'Flatten a list', 'python', 'medium', 'public', '["lists","recursion"]', 'flatten a list
lists recursion
return the items of a nested list as a flat one, in order, without `none`.

`flatten([1, [2, [none, 3]]])` is `[1, 2, 3]`.', 2000, 3, 1, '2026-01-01 12:09:00', '2026-01-01 12:09:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_flatten', 1, 'Flatten a list', 'Return the items of a nested list as a flat one, in order, without `None`.

`flatten([1, [2, [None, 3]]])` is `[1, 2, 3]`.', 'def flatten(items):
    pass
', 'flatten', '[{"name":"nested","arguments":[[1,[2,[null,3]]]],"expected":[1,2,3]},{"name":"flat","arguments":[[1,2]],"expected":[1,2]},{"name":"empty","arguments":[[]],"expected":[]}]', 2, 3, '2026-01-01 12:09:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_flatten', 1, 'def flatten(items):
    flat = []
    for item in items:
        if isinstance(item, list):
            flat += flatten(item)
        elif item is not None:
            flat.append(item)
    return flat
', '[{"name":"nested","arguments":[[1,[2,[null,3]]]],"expected":[1,2,3],"hidden":false,"tolerance":null},{"name":"flat","arguments":[[1,2]],"expected":[1,2],"hidden":false,"tolerance":null},{"name":"empty","arguments":[[]],"expected":[],"hidden":false,"tolerance":null},{"name":"zero stays","arguments":[[0,[false,""]]],"expected":[0,false,""],"hidden":true,"tolerance":null},{"name":"deep","arguments":[[[[[["x"]]]]]],"expected":["x"],"hidden":true,"tolerance":null},{"name":"nothing inside","arguments":[[[],[null]]],"expected":[],"hidden":true,"tolerance":null}]', '["A function may call itself.","0 and the empty text are values."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_hamming', 'demonstration', 'Hamming distance', 'javascript', 'easy', 'public', '["texts"]', 'hamming distance
texts
return at how many places two texts of one length differ, or `null` where their lengths differ.

`distance(''karol'', ''karin'')` is 2.', 2000, 3, 1, '2026-01-01 12:10:00', '2026-01-01 12:10:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_hamming', 1, 'Hamming distance', 'Return at how many places two texts of one length differ, or `null` where their lengths differ.

`distance(''karol'', ''karin'')` is 2.', 'function distance(left, right) {
}
', 'distance', '[{"name":"two","arguments":["karol","karin"],"expected":2},{"name":"equal","arguments":["abc","abc"],"expected":0},{"name":"lengths","arguments":["a","ab"],"expected":null}]', 2, 2, '2026-01-01 12:10:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_hamming', 1, 'function distance(left, right) {
  if (left.length !== right.length) return null;
  return [...left].filter((mark, place) => mark !== right[place]).length;
}
', '[{"name":"two","arguments":["karol","karin"],"expected":2,"hidden":false,"tolerance":null},{"name":"equal","arguments":["abc","abc"],"expected":0,"hidden":false,"tolerance":null},{"name":"lengths","arguments":["a","ab"],"expected":null,"hidden":false,"tolerance":null},{"name":"empty","arguments":["",""],"expected":0,"hidden":true,"tolerance":null},{"name":"all","arguments":["GATT","CTAA"],"expected":4,"hidden":true,"tolerance":null}]', '["Compare place by place.","`filter` gets the index, too."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_fizz', 'demonstration', 'Fizz buzz', 'javascript', 'easy', 'public', '["numbers"]', 'fizz buzz
numbers
return the numbers from 1 to `limit` as texts, but `fizz` for multiples of 3, `buzz` for multiples of 5, and `fizzbuzz` for multiples of both.

`fizzbuzz(3)` is `[''1'', ''2'', ''fizz'']`.', 2000, 3, 1, '2026-01-01 12:11:00', '2026-01-01 12:11:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_fizz', 1, 'Fizz buzz', 'Return the numbers from 1 to `limit` as texts, but `Fizz` for multiples of 3, `Buzz` for multiples of 5, and `FizzBuzz` for multiples of both.

`fizzBuzz(3)` is `[''1'', ''2'', ''Fizz'']`.', 'function fizzBuzz(limit) {
}
', 'fizzBuzz', '[{"name":"three","arguments":[3],"expected":["1","2","Fizz"]},{"name":"five","arguments":[5],"expected":["1","2","Fizz","4","Buzz"]},{"name":"none","arguments":[0],"expected":[]}]', 2, 1, '2026-01-01 12:11:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_fizz', 1, 'function fizzBuzz(limit) {
  const texts = [];
  for (let n = 1; n <= limit; n += 1) {
    const text = (n % 3 ? '''' : ''Fizz'') + (n % 5 ? '''' : ''Buzz'');
    texts.push(text || String(n));
  }
  return texts;
}
', '[{"name":"three","arguments":[3],"expected":["1","2","Fizz"],"hidden":false,"tolerance":null},{"name":"five","arguments":[5],"expected":["1","2","Fizz","4","Buzz"],"hidden":false,"tolerance":null},{"name":"none","arguments":[0],"expected":[],"hidden":false,"tolerance":null},{"name":"fifteen","arguments":[15],"expected":["1","2","Fizz","4","Buzz","Fizz","7","8","Fizz","Buzz","11","Fizz","13","14","FizzBuzz"],"hidden":true,"tolerance":null}]', '["Build the text piece by piece.","An empty text is falsy."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_count', 'demonstration', 'Count words', 'javascript', 'easy', 'public', '["texts","objects"]', 'count words
texts objects
return an object with how often each word of `text` occurs, in lower case.

a word is made of letters and digits. `countwords(''go, go!'')` is `{go: 2}`.', 2000, 3, 1, '2026-01-01 12:12:00', '2026-01-01 12:12:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_count', 1, 'Count words', 'Return an object with how often each word of `text` occurs, in lower case.

A word is made of letters and digits. `countWords(''Go, go!'')` is `{go: 2}`.', 'function countWords(text) {
}
', 'countWords', '[{"name":"twice","arguments":["Go, go!"],"expected":{"go":2}},{"name":"several","arguments":["one fish two fish"],"expected":{"one":1,"fish":2,"two":1}},{"name":"none","arguments":["..."],"expected":{}}]', 2, 2, '2026-01-01 12:12:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_count', 1, 'function countWords(text) {
  const counts = {};
  for (const word of text.toLowerCase().match(/[a-z0-9]+/g) ?? []) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
', '[{"name":"twice","arguments":["Go, go!"],"expected":{"go":2},"hidden":false,"tolerance":null},{"name":"several","arguments":["one fish two fish"],"expected":{"one":1,"fish":2,"two":1},"hidden":false,"tolerance":null},{"name":"none","arguments":["..."],"expected":{},"hidden":false,"tolerance":null},{"name":"digits","arguments":["7 7up"],"expected":{"7":1,"7up":1},"hidden":true,"tolerance":null},{"name":"lines","arguments":["a\nb\na"],"expected":{"a":2,"b":1},"hidden":true,"tolerance":null}]', '["`match` with the flag g gives all words, or null.","`??` gives a value for what is missing."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_chunk', 'demonstration', 'Chunks of a list', 'javascript', 'easy', 'public', '["lists"]', 'chunks of a list
lists
cut a list into chunks of `size` items; the last may have fewer.

`chunk([1, 2, 3], 2)` is `[[1, 2], [3]]`.', 2000, 3, 1, '2026-01-01 12:13:00', '2026-01-01 12:13:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_chunk', 1, 'Chunks of a list', 'Cut a list into chunks of `size` items; the last may have fewer.

`chunk([1, 2, 3], 2)` is `[[1, 2], [3]]`.', 'function chunk(items, size) {
}
', 'chunk', '[{"name":"a rest","arguments":[[1,2,3],2],"expected":[[1,2],[3]]},{"name":"even","arguments":[[1,2,3,4],2],"expected":[[1,2],[3,4]]},{"name":"empty","arguments":[[],3],"expected":[]}]', 2, 2, '2026-01-01 12:13:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_chunk', 1, 'function chunk(items, size) {
  const chunks = [];
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size));
  return chunks;
}
', '[{"name":"a rest","arguments":[[1,2,3],2],"expected":[[1,2],[3]],"hidden":false,"tolerance":null},{"name":"even","arguments":[[1,2,3,4],2],"expected":[[1,2],[3,4]],"hidden":false,"tolerance":null},{"name":"empty","arguments":[[],3],"expected":[],"hidden":false,"tolerance":null},{"name":"one by one","arguments":[["a","b"],1],"expected":[["a"],["b"]],"hidden":true,"tolerance":null},{"name":"larger","arguments":[[1],5],"expected":[[1]],"hidden":true,"tolerance":null}]', '["`slice` takes what is there.","Step by the size."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_caesar', 'demonstration', 'Caesar''s cipher', 'javascript', 'medium', 'public', '["texts"]', 'caesar''s cipher
texts
move each letter of `text` by `shift` places in the alphabet, from z on to a again; case and all else stay.

`cipher(''xyz!'', 2)` is `''zab!''`. a negative shift moves back.', 2000, 3, 1, '2026-01-01 12:14:00', '2026-01-01 12:14:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_caesar', 1, 'Caesar''s cipher', 'Move each letter of `text` by `shift` places in the alphabet, from z on to a again; case and all else stay.

`cipher(''xyz!'', 2)` is `''zab!''`. A negative shift moves back.', 'function cipher(text, shift) {
}
', 'cipher', '[{"name":"over the end","arguments":["xyz!",2],"expected":"zab!"},{"name":"case","arguments":["Hello",13],"expected":"Uryyb"},{"name":"back","arguments":["zab",-2],"expected":"xyz"}]', 2, 3, '2026-01-01 12:14:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_caesar', 1, 'function cipher(text, shift) {
  const move = (mark, first) => String.fromCharCode(((mark.charCodeAt(0) - first + shift) % 26 + 26) % 26 + first);
  return text.replace(/[a-z]/g, (mark) => move(mark, 97)).replace(/[A-Z]/g, (mark) => move(mark, 65));
}
', '[{"name":"over the end","arguments":["xyz!",2],"expected":"zab!","hidden":false,"tolerance":null},{"name":"case","arguments":["Hello",13],"expected":"Uryyb","hidden":false,"tolerance":null},{"name":"back","arguments":["zab",-2],"expected":"xyz","hidden":false,"tolerance":null},{"name":"nothing","arguments":["abc",26],"expected":"abc","hidden":true,"tolerance":null},{"name":"far back","arguments":["B",-53],"expected":"A","hidden":true,"tolerance":null},{"name":"marks","arguments":["1, 2!",5],"expected":"1, 2!","hidden":true,"tolerance":null}]', '["Letters have numbers: `charCodeAt`.","`%` of a negative number is negative."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_binary', 'demonstration', 'Binary search', 'javascript', 'medium', 'public', '["lists","search"]', 'binary search
lists search
return the index of `value` in the sorted list `items`, or -1 where it is not there.

`find([1, 3, 5], 3)` is 1. all items differ.', 2000, 3, 1, '2026-01-01 12:15:00', '2026-01-01 12:15:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_binary', 1, 'Binary search', 'Return the index of `value` in the sorted list `items`, or -1 where it is not there.

`find([1, 3, 5], 3)` is 1. All items differ.', 'function find(items, value) {
}
', 'find', '[{"name":"in the middle","arguments":[[1,3,5],3],"expected":1},{"name":"first","arguments":[[1,3,5,7],1],"expected":0},{"name":"last","arguments":[[1,3,5,7],7],"expected":3}]', 2, 3, '2026-01-01 12:15:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_binary', 1, 'function find(items, value) {
  let low = 0;
  let high = items.length - 1;
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    if (items[middle] === value) return middle;
    if (items[middle] < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
', '[{"name":"in the middle","arguments":[[1,3,5],3],"expected":1,"hidden":false,"tolerance":null},{"name":"first","arguments":[[1,3,5,7],1],"expected":0,"hidden":false,"tolerance":null},{"name":"last","arguments":[[1,3,5,7],7],"expected":3,"hidden":false,"tolerance":null},{"name":"missing","arguments":[[1,3,5],4],"expected":-1,"hidden":true,"tolerance":null},{"name":"empty","arguments":[[],1],"expected":-1,"hidden":true,"tolerance":null},{"name":"one","arguments":[[2],2],"expected":0,"hidden":true,"tolerance":null}]', '["Halve what is left.","Go on while there is something between low and high."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_unique', 'demonstration', 'Unique items in order', 'javascript', 'easy', 'public', '["lists"]', 'unique items in order
lists
return the items of a list without repetitions, in the order of their first occurrence.

`unique([3, 1, 3])` is `[3, 1]`; 1 and ''1'' are different.', 2000, 3, 1, '2026-01-01 12:16:00', '2026-01-01 12:16:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_unique', 1, 'Unique items in order', 'Return the items of a list without repetitions, in the order of their first occurrence.

`unique([3, 1, 3])` is `[3, 1]`; 1 and ''1'' are different.', 'function unique(items) {
}
', 'unique', '[{"name":"numbers","arguments":[[3,1,3]],"expected":[3,1]},{"name":"types","arguments":[[1,"1",1]],"expected":[1,"1"]},{"name":"empty","arguments":[[]],"expected":[]}]', 2, 2, '2026-01-01 12:16:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_unique', 1, 'function unique(items) {
  return [...new Set(items)];
}
', '[{"name":"numbers","arguments":[[3,1,3]],"expected":[3,1],"hidden":false,"tolerance":null},{"name":"types","arguments":[[1,"1",1]],"expected":[1,"1"],"hidden":false,"tolerance":null},{"name":"empty","arguments":[[]],"expected":[],"hidden":false,"tolerance":null},{"name":"texts","arguments":[["a","b","a","c","b"]],"expected":["a","b","c"],"hidden":true,"tolerance":null},{"name":"null","arguments":[[null,null]],"expected":[null],"hidden":true,"tolerance":null}]', '["A Set holds each value once.","A Set keeps the order."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_matrix', 'demonstration', 'Transpose a matrix', 'javascript', 'medium', 'public', '["lists","matrices"]', 'transpose a matrix
lists matrices
return a matrix with rows and columns exchanged.

`transpose([[1, 2], [3, 4]])` is `[[1, 3], [2, 4]]`; an empty matrix stays empty.', 2000, 3, 1, '2026-01-01 12:17:00', '2026-01-01 12:17:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_matrix', 1, 'Transpose a matrix', 'Return a matrix with rows and columns exchanged.

`transpose([[1, 2], [3, 4]])` is `[[1, 3], [2, 4]]`; an empty matrix stays empty.', 'function transpose(rows) {
}
', 'transpose', '[{"name":"square","arguments":[[[1,2],[3,4]]],"expected":[[1,3],[2,4]]},{"name":"one row","arguments":[[[1,2,3]]],"expected":[[1],[2],[3]]},{"name":"empty","arguments":[[]],"expected":[]}]', 2, 2, '2026-01-01 12:17:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_matrix', 1, 'function transpose(rows) {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
}
', '[{"name":"square","arguments":[[[1,2],[3,4]]],"expected":[[1,3],[2,4]],"hidden":false,"tolerance":null},{"name":"one row","arguments":[[[1,2,3]]],"expected":[[1],[2],[3]],"hidden":false,"tolerance":null},{"name":"empty","arguments":[[]],"expected":[],"hidden":false,"tolerance":null},{"name":"one column","arguments":[[[1],[2]]],"expected":[[1,2]],"hidden":true,"tolerance":null},{"name":"texts","arguments":[[["a","b","c"],["d","e","f"]]],"expected":[["a","d"],["b","e"],["c","f"]],"hidden":true,"tolerance":null}]', '["The first row tells how many columns there are.","Map over the columns, and inside over the rows."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_change', 'demonstration', 'Change in coins', 'javascript', 'medium', 'public', '["numbers","dynamic-programming"]', 'change in coins
numbers dynamic-programming
return the fewest coins that make `amount`, the largest first, from an unlimited supply of `coins`; `null` where none do.

`change([1, 5, 10], 16)` is `[10, 5, 1]`. no two answers have equally many coins in the tests.', 2000, 3, 1, '2026-01-01 12:18:00', '2026-01-01 12:18:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_change', 1, 'Change in coins', 'Return the fewest coins that make `amount`, the largest first, from an unlimited supply of `coins`; `null` where none do.

`change([1, 5, 10], 16)` is `[10, 5, 1]`. No two answers have equally many coins in the tests.', 'function change(coins, amount) {
}
', 'change', '[{"name":"greedy works","arguments":[[1,5,10],16],"expected":[10,5,1]},{"name":"greedy fails","arguments":[[1,4,15,20,50],23],"expected":[15,4,4]},{"name":"none","arguments":[[5,10],3],"expected":null}]', 2, 2, '2026-01-01 12:18:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_change', 1, 'function change(coins, amount) {
  const best = [[]];
  for (let sum = 1; sum <= amount; sum += 1) {
    for (const coin of coins) {
      const before = best[sum - coin];
      if (before && (!best[sum] || before.length + 1 < best[sum].length)) best[sum] = [...before, coin];
    }
  }
  return best[amount] ? [...best[amount]].sort((a, b) => b - a) : null;
}
', '[{"name":"greedy works","arguments":[[1,5,10],16],"expected":[10,5,1],"hidden":false,"tolerance":null},{"name":"greedy fails","arguments":[[1,4,15,20,50],23],"expected":[15,4,4],"hidden":false,"tolerance":null},{"name":"none","arguments":[[5,10],3],"expected":null,"hidden":false,"tolerance":null},{"name":"nothing","arguments":[[1],0],"expected":[],"hidden":true,"tolerance":null},{"name":"no small coin","arguments":[[2,5],11],"expected":[5,2,2,2],"hidden":true,"tolerance":null}]', '["Taking the largest coin first is not always best.","Solve all smaller amounts first."]') ON CONFLICT DO NOTHING;

INSERT INTO capsules (id, owner_id, title, language, difficulty, visibility, tags, search_text, time_limit_ms, solution_after, version, created_at, updated_at) VALUES ('cap_demo_title', 'demonstration', 'Title case', 'javascript', 'easy', 'public', '["texts"]', 'title case
texts
return `text` with the first letter of each word in upper case and the others in lower case.

words are separated by single blanks. `titlecase(''hello world'')` is `''hello world''`.', 2000, 3, 1, '2026-01-01 12:19:00', '2026-01-01 12:19:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_versions (capsule_id, version, title, statement, starter, function_name, examples, hints, hidden_tests, created_at) VALUES ('cap_demo_title', 1, 'Title case', 'Return `text` with the first letter of each word in upper case and the others in lower case.

Words are separated by single blanks. `titleCase(''hELLO world'')` is `''Hello World''`.', 'function titleCase(text) {
}
', 'titleCase', '[{"name":"two","arguments":["hELLO world"],"expected":"Hello World"},{"name":"one","arguments":["x"],"expected":"X"},{"name":"empty","arguments":[""],"expected":""}]', 2, 2, '2026-01-01 12:19:00') ON CONFLICT DO NOTHING;

INSERT INTO capsule_answers (capsule_id, version, solution, tests, hints) VALUES ('cap_demo_title', 1, 'function titleCase(text) {
  return text.split('' '').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()).join('' '');
}
', '[{"name":"two","arguments":["hELLO world"],"expected":"Hello World","hidden":false,"tolerance":null},{"name":"one","arguments":["x"],"expected":"X","hidden":false,"tolerance":null},{"name":"empty","arguments":[""],"expected":"","hidden":false,"tolerance":null},{"name":"blanks stay","arguments":["a  b"],"expected":"A  B","hidden":true,"tolerance":null},{"name":"digits","arguments":["3D print"],"expected":"3d Print","hidden":true,"tolerance":null}]', '["Take the text apart at blanks, and put it together again.","`slice(0, 1)` of an empty text is empty."]') ON CONFLICT DO NOTHING;
