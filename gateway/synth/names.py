"""Names that are common in Kentucky, put together at random: any likeness to a real person is chance."""

from __future__ import annotations

FEMALE: tuple[str, ...] = (
    "Mary", "Patricia", "Linda", "Barbara", "Elizabeth", "Jennifer", "Susan", "Margaret", "Dorothy", "Lisa",
    "Nancy", "Karen", "Betty", "Helen", "Sandra", "Donna", "Carol", "Ruth", "Sharon", "Michelle", "Laura",
    "Sarah", "Kimberly", "Deborah", "Jessica", "Shirley", "Cynthia", "Angela", "Melissa", "Brenda", "Amy",
    "Anna", "Rebecca", "Virginia", "Kathleen", "Pamela", "Martha", "Debra", "Amanda", "Stephanie",
    "Carolyn", "Christine", "Marie", "Janet", "Tammy", "Loretta", "Wanda", "Jolene", "Crystal", "Ashley",
    "Brittany", "Kayla", "Whitney", "Savannah", "Madison", "Hannah", "Abigail", "Chloe", "Sierra", "Rosa",
    "Guadalupe", "Aisha", "Mei", "Priya", "Latoya", "Ebony", "Bonnie", "Opal",
)  # fmt: skip

MALE: tuple[str, ...] = (
    "James", "John", "Robert", "Michael", "William", "David", "Richard", "Charles", "Joseph", "Thomas",
    "Christopher", "Daniel", "Paul", "Mark", "Donald", "George", "Kenneth", "Steven", "Edward", "Brian",
    "Ronald", "Anthony", "Kevin", "Jason", "Jeffrey", "Gary", "Timothy", "Larry", "Scott", "Frank", "Eric",
    "Stephen", "Raymond", "Gregory", "Joshua", "Jerry", "Dennis", "Walter", "Patrick", "Peter", "Harold",
    "Douglas", "Henry", "Carl", "Roger", "Ralph", "Roy", "Billy", "Bobby", "Jimmy", "Dwight", "Clyde",
    "Travis", "Dustin", "Cody", "Tyler", "Austin", "Hunter", "Logan", "Mason", "Carlos", "Luis", "Omar",
    "Wei", "Ravi", "Darnell", "Terrence", "Virgil", "Elmer", "Otis",
)  # fmt: skip

LAST: tuple[str, ...] = (
    "Smith", "Johnson", "Williams", "Brown", "Jones", "Miller", "Davis", "Wilson", "Moore", "Taylor",
    "Anderson", "Thomas", "Jackson", "White", "Harris", "Martin", "Thompson", "Clark", "Lewis", "Lee",
    "Walker", "Hall", "Allen", "Young", "King", "Wright", "Hill", "Scott", "Green", "Adams", "Baker",
    "Nelson", "Carter", "Mitchell", "Roberts", "Turner", "Phillips", "Campbell", "Parker", "Evans",
    "Edwards", "Collins", "Stewart", "Morris", "Rogers", "Reed", "Cook", "Morgan", "Bell", "Murphy",
    "Bailey", "Cooper", "Richardson", "Cox", "Howard", "Ward", "Peterson", "Gray", "Watson", "Brooks",
    "Kelly", "Sanders", "Price", "Bennett", "Wood", "Barnes", "Ross", "Henderson", "Coleman", "Jenkins",
    "Perry", "Powell", "Long", "Patterson", "Hughes", "Combs", "Caudill", "Fugate", "Ratliff", "Mullins",
    "Hatfield", "Slone", "Noble", "Stacy", "Napier", "Gabbard", "Bowling", "Sizemore", "Asher", "Saylor",
    "Hensley", "Brock", "Lawson", "Goins", "Vanover", "Blevins", "Adkins", "Conley", "Salyer", "Justice",
    "Coots", "Begley", "O'Bryan", "Mattingly", "Ballard", "Clemons", "Thacker", "Skaggs", "Hogg",
    "Whitaker", "Tackett", "Newsome", "Garcia", "Martinez", "Hernandez", "Nguyen", "Patel", "Kim", "Abdi",
    "Okafor", "Chen", "Smith-Hall", "Van Hoose",
)  # fmt: skip
